"""Spans of OpenTelemetry: how long a request, a verb, and a call of S3, KMS or OpenBao took. Off unless a URL is set.

A span names a route's template, a verb's class or a call's method, and carries the attributes below, which
hold no path, query, header, id, number or message; of an error it has the name of its class. Nothing of the
process is handed to OpenTelemetry as a whole: its provider is the vault's own, so that instrumentation which
other packages bring along finds none, and tells nothing. What comes with a request is not believed either.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from vault.errors import StartRefused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span, Tracer

Kind = TypeVar("Kind", bound=type)
#: Everything that a span may say.
ATTRIBUTES: Final = frozenset(
    {"http.request.method", "http.response.status_code", "vault.call", "vault.idle"}
)
#: Seconds for one attempt to hand spans over.
_TIMEOUT = 5
_tracers: list["Tracer"] = []


def is_on() -> bool:
    """Say whether spans are made."""
    return bool(_tracers)


def set_up(url: str) -> Callable[[], None]:
    """Send spans to ``url`` (OTLP over HTTP) from now on; return what stops it and sends the rest.

    Raises StartRefused if the packages for it are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where it was asked for
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise StartRefused(
            "VAULT_TRACING_URL is set, but what sends spans is not installed: `pip install 'callvault[otel]'`, "
            "or unset it."
        ) from error

    class Busy(BatchSpanProcessor):
        """Leaves out the worker's looks in vain, which are most of what a quiet node does."""

        def on_end(self, span: "ReadableSpan") -> None:
            if not (span.attributes or {}).get("vault.idle"):
                super().on_end(span)

    provider = TracerProvider(resource=Resource.create({"service.name": "callvault"}), shutdown_on_exit=False)
    provider.add_span_processor(Busy(OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT)))
    _tracers.append(provider.get_tracer("callvault"))

    def stop() -> None:
        _tracers.clear()
        provider.shutdown()

    return stop


def span(name: str, **attributes: str) -> "AbstractContextManager[Span | None]":
    """Return a block that is one span, below that of the caller; a block that does nothing where it is off.

    An attribute's dots are written as two underscores.
    """
    if not _tracers:
        return nullcontext()
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    if strangers := named.keys() - ATTRIBUTES:
        raise ValueError(f"A span may not say {sorted(strangers)}.")
    return _span(_tracers[-1], name, named)


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: dict[str, str]) -> "Iterator[Span]":
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - loaded by now

    # OpenTelemetry would keep an error's message and the lines of its trace.
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def call_of(function: Callable[..., object]) -> str:
    """Return the method in which a function was written, such as ``S3ObjectStore.read``."""
    return str(getattr(function, "__qualname__", "")).partition(".<locals>")[0]


def traced(kind: Kind) -> Kind:
    """Return the verb with a span around each call; the verb itself where tracing is off."""
    if not _tracers or "__call__" not in vars(kind):
        return kind
    inner: Callable[..., Awaitable[Any]] = vars(kind)["__call__"]

    async def call(self: object, *arguments: Any, **named: Any) -> Any:
        with span(kind.__name__) as made:
            result = await inner(self, *arguments, **named)
            if result is False and made is not None:
                made.set_attribute("vault.idle", value=True)
            return result

    return cast(
        "Kind", type(kind.__name__, (kind,), {"__slots__": (), "__call__": call, "__doc__": kind.__doc__})
    )

"""OpenTelemetry spans for requests, services, and calls of S3, KMS or OpenBao. Off unless a URL is set.

A span is named after a route's template, a service's class and method, or a call's method. The attributes below hold no
path, query, header, id, number or message; an error is recorded as its class name only. The tracer provider is
private, never the global one, so instrumentation in other packages sends nothing. Trace contexts in incoming
requests are ignored.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from vault.errors import StartRefused

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span, Tracer

Kind = TypeVar("Kind", bound=type)
#: The only attributes of a span.
ATTRIBUTES: Final = frozenset(
    {"http.request.method", "http.response.status_code", "vault.call", "vault.idle"}
)
#: Timeout of one export request, in seconds.
_TIMEOUT = 5
_tracers: list["Tracer"] = []


def is_on() -> bool:
    """Return whether tracing is on."""
    return bool(_tracers)


def set_up(url: str) -> Callable[[], None]:
    """Send spans to ``url`` (OTLP over HTTP) from now on; return a function that flushes and stops.

    Raises StartRefused if the OpenTelemetry packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - optional dependency
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise StartRefused(
            "VAULT_TRACING_URL is set, but the OpenTelemetry packages are not installed. "
            "`pip install 'callvault[otel]'`, or unset it."
        ) from error

    class Busy(BatchSpanProcessor):
        """Drops the spans of polls that found no work, which are most spans of an idle node."""

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
    """Return a context manager for one child span; it does nothing while tracing is off.

    Write an attribute's dots as two underscores.
    """
    if not _tracers:
        return nullcontext()
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    if unknown := named.keys() - ATTRIBUTES:
        raise ValueError(f"These span attributes are not allowed: {sorted(unknown)}.")
    return _span(_tracers[-1], name, named)


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: dict[str, str]) -> "Iterator[Span]":
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - optional, loaded by set_up

    # By default OpenTelemetry records an error's message and traceback.
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def call_of(function: Callable[..., object]) -> str:
    """Return the method that defines a function, such as ``S3ObjectStore.read``."""
    return str(getattr(function, "__qualname__", "")).partition(".<locals>")[0]


def traced(kind: Kind) -> Kind:
    """Return the service class with a span around each call of a public method; unchanged while tracing is off.

    Only coroutine functions are wrapped: other methods do no I/O. The span of ``__call__``, which jobs have, is named
    after the class, any other after the class and the method.
    """
    if not _tracers:
        return kind
    wrapped = {
        name: _traced_method(kind.__name__ if name == "__call__" else f"{kind.__name__}.{name}", method)
        for name, method in vars(kind).items()
        if iscoroutinefunction(method) and (name == "__call__" or not name.startswith("_"))
    }
    return cast("Kind", type(kind.__name__, (kind,), {"__slots__": (), "__doc__": kind.__doc__, **wrapped}))


def _traced_method(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(self: object, *arguments: Any, **named: Any) -> Any:
        with span(name) as current:
            result = await method(self, *arguments, **named)
            if result is False and current is not None:
                current.set_attribute("vault.idle", value=True)
            return result

    return call

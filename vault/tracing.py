"""OpenTelemetry spans for requests, services, database, describer, S3, KMS and OpenBao. Off unless a URL is set.

A span is named after a route's template, a service's class and method, or a call's method. The attributes below hold no
path, query, header, id, number, statement or message; an error is recorded as its class name only. The tracer provider
is private, never the global one, so instrumentation in other packages sends nothing. Trace contexts in incoming
requests are ignored. Work on a recording is a trace of its own, linked to the trace of its webhook or upload.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from inspect import getmembers, iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from vault.errors import StartRefused

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace import Span as SdkSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    from opentelemetry.trace import Span, Tracer

T = TypeVar("T")
Kind = TypeVar("Kind", bound=type)
#: The only attributes of a span; those of the database are OpenTelemetry's semantic conventions.
ATTRIBUTES: Final = frozenset(
    {
        "http.request.method", "http.response.status_code", "db.system.name", "db.operation.name",
        "vault.call", "vault.idle",
    }
)  # fmt: skip
#: Timeout of one export request, in seconds.
_TIMEOUT = 5
#: Spans of one unfinished trace that wait until it is known whether the trace is an idle poll.
_MAX_HELD = 32
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
    except ImportError as error:
        raise StartRefused(
            "VAULT_TRACING_URL is set, but the OpenTelemetry packages are not installed. "
            "Run `pip install '.[otel]'` in a copy of the repository, or unset it."
        ) from error

    provider = TracerProvider(resource=Resource.create({"service.name": "callvault"}), shutdown_on_exit=False)
    provider.add_span_processor(_processor(OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT)))
    _tracers.append(provider.get_tracer("callvault"))

    def stop() -> None:
        _tracers.clear()
        provider.shutdown()

    return stop


def _processor(exporter: "SpanExporter") -> "BatchSpanProcessor":
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - optional, loaded by set_up

    class Busy(BatchSpanProcessor):
        """Drops the traces of polls that found no work, which are most traces of an idle node."""

        def __init__(self, exporter: "SpanExporter") -> None:
            super().__init__(exporter)
            self._polls = Polls()

        def on_start(self, span: "SdkSpan", parent_context: "Context | None" = None) -> None:
            if span.parent is None:
                self._polls.begin(span)
            super().on_start(span, parent_context)

        def on_end(self, span: "ReadableSpan") -> None:
            for ended in self._polls.end(span):
                super().on_end(ended)

    return Busy(exporter)


class Polls:
    """Holds the spans of a trace until its first span ends, and then drops them if it was an idle poll.

    A trace with many spans is no idle poll, so a long one, such as a stream, is not held to its end.
    """

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: dict[int, list[ReadableSpan]] = {}

    def begin(self, root: "ReadableSpan") -> None:
        """Note the first span of a trace."""
        self._held[_trace_id(root)] = []

    def end(self, span: "ReadableSpan") -> "Sequence[ReadableSpan]":
        """Return the spans to send now that ``span`` has ended."""
        trace_id = _trace_id(span)
        held = self._held.get(trace_id)
        if held is None:
            return [span]
        if span.parent is None:
            del self._held[trace_id]
            return [] if (span.attributes or {}).get("vault.idle") else [*held, span]
        held.append(span)
        if len(held) < _MAX_HELD:
            return []
        del self._held[trace_id]
        return held


def _trace_id(span: "ReadableSpan") -> int:
    return span.context.trace_id if span.context is not None else 0


def span(name: str, *, client: bool = False, **attributes: str) -> "AbstractContextManager[Span | None]":
    """Return a context manager for one child span; it does nothing while tracing is off.

    Write an attribute's dots as two underscores. ``client``: the span is a call of another system.
    """
    if not _tracers:
        return nullcontext()
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    if unknown := named.keys() - ATTRIBUTES:
        raise ValueError(f"These span attributes are not allowed: {sorted(unknown)}.")
    return _span(_tracers[-1], name, named, client=client)


def traceparent() -> str | None:
    """Return the W3C trace context of the current span; None while tracing is off or the span is not sampled."""
    if not _tracers:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - optional, loaded by set_up

    context = get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


def link(traceparent: str | None) -> None:
    """Link the current span to the span of a ``traceparent`` that this vault has stored."""
    if not _tracers or traceparent is None:
        return
    from opentelemetry.trace import SpanContext, TraceFlags, get_current_span  # noqa: PLC0415 - optional

    _, trace_id, span_id, _ = traceparent.split("-")
    context = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    get_current_span().add_link(context)


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: dict[str, str], *, client: bool) -> "Iterator[Span]":
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - optional, loaded by set_up

    # By default OpenTelemetry records an error's message and traceback.
    with tracer.start_as_current_span(
        name,
        kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
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


def traced_database(kind: type[T], system: str) -> type[T]:
    """Return the database class with a span around each call; unchanged while tracing is off.

    ``system`` is the ``db.system.name`` of the semantic conventions. A call outside a trace has no span. A span has
    no text of a statement: its ``vault.call`` is the function that runs in the transaction.
    """
    if not _tracers:
        return kind
    methods = getmembers(kind, iscoroutinefunction)
    wrapped = {
        name: _traced_call(name, system, method) for name, method in methods if not name.startswith("_")
    }
    return cast("type[T]", type(kind.__name__, (kind,), {"__doc__": kind.__doc__, **wrapped}))


def _is_in_trace() -> bool:
    if not _tracers:
        return False
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - optional, loaded by set_up

    return get_current_span().is_recording()


def _traced_call(
    name: str, system: str, method: Callable[..., Awaitable[Any]]
) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(self: object, *arguments: Any, **named: Any) -> Any:
        if not _is_in_trace():
            return await method(self, *arguments, **named)
        function = call_of(arguments[0]) if arguments and callable(arguments[0]) else ""
        attributes = {"vault__call": function} if function else {}
        with span(
            f"{name} {system}", client=True, db__system__name=system, db__operation__name=name, **attributes
        ):
            return await method(self, *arguments, **named)

    return call


def _traced_method(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def call(self: object, *arguments: Any, **named: Any) -> Any:
        with span(name) as current:
            result = await method(self, *arguments, **named)
            # Only a whole trace can be an idle poll: what a step within it answers is its own.
            if result is False and current is not None and getattr(current, "parent", None) is None:
                current.set_attribute("vault.idle", value=True)
            return result

    return call

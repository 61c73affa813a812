"""A span for each request, named after its route's template, while tracing is on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault import tracing


class TracingMiddleware:
    """The outermost middleware: it opens the span."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap ``app``."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, within a span."""
        if scope["type"] != "http" or not tracing.is_on():
            await self._app(scope, receive, send)
            return
        with tracing.span("request", http__request__method=scope["method"]) as span:

            async def send_seen(message: Message) -> None:
                if span is not None and message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_seen)
            finally:
                # Set by the router; missing if no route matched.
                route = getattr(scope.get("route"), "path", "no route")
                if span is not None:
                    span.update_name(f"{scope['method']} {route}")

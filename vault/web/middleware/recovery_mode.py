"""Recovery mode: while the database lacks changes that the object store has, every route answers 503.

The database's state may have been revoked since: a recording erased, the switch turned off. So nothing is served and
nothing is accepted until ``callvault restore`` has brought it up to date; providers and platforms retry after a 503.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.web.http.problems import problem

#: Seconds after which a client may retry.
_RETRY_AFTER = "60"
_WORDS = (
    "The vault is in recovery mode: its database lacks changes that its object store has, so nothing is served. "
    "An operator must run `callvault restore`."
)
#: Liveness and metrics, which are served in recovery mode too.
_OPEN = frozenset({"/healthz", "/metrics"})


class RecoveryMode:
    """Middleware that answers 503 to all other paths while the process is in recovery mode."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app, whose state has the mode as ``recovery``; without it the mode is never on."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 or pass the request on."""
        recovery: RecoveryCheck | None = None
        if scope["type"] == "http":
            recovery = getattr(scope["app"].state, "recovery", None)
        if recovery is None or not recovery.on or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": _RETRY_AFTER, "Connection": "close"}
        await problem(503, _WORDS, headers=headers, reasons=["recovery"])(scope, receive, send)

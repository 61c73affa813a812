"""Recovery mode: while the database lacks what the object store has, every door answers 503.

What the database says then may have been taken back since: a recording was erased, the switch is off. So
nothing is served and nothing is taken in until ``callvault restore`` has brought it up to date; providers
and platforms send again what they get a 503 for.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from vault.services.closing_acts.check_recovery import CheckRecovery
from vault.web.http.problems import problem

#: Seconds after which a client may try again.
_RETRY_AFTER = "60"
_WORDS = (
    "The vault is in recovery mode: its database lacks what its object store has, so nothing is served from it. "
    "An operator runs `callvault restore`."
)
#: What tells machines that the process lives, and how it fares.
_OPEN = frozenset({"/healthz", "/metrics"})


class RecoveryMode:
    """Answers in place of the doors while the process is in recovery mode."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app, whose state has the mode as ``recovery``; without one there is none."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        recovery: CheckRecovery | None = None
        if scope["type"] == "http":
            recovery = getattr(scope["app"].state, "recovery", None)
        if recovery is None or not recovery.on or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": _RETRY_AFTER, "Connection": "close"}
        await problem(503, _WORDS, headers=headers, reasons=["recovery"])(scope, receive, send)

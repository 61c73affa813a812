"""Recovery mode: while the database is older than the object store, every door answers 503.

What the database says then may have been taken back since: a recording was erased, the switch is off. So
nothing is served and nothing is taken in until ``callvault restore`` has brought it up to date; providers
and platforms send again what they get a 503 for.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from vault.errors import VaultError
from vault.logs import Log
from vault.web.problems import problem
from vault.workflows.restore import CheckRecovery

_LOG = Log(__name__)
#: Seconds between two looks whether the database was brought up to date.
PAUSE = 1.0
#: Seconds after which a client may try again.
_RETRY_AFTER = "60"
_WORDS = (
    "The vault is in recovery mode: its database is older than its object store, so nothing is served from it. "
    "An operator runs `callvault restore`."
)
#: What tells machines that the process lives, and how it fares.
_OPEN = frozenset({"/healthz", "/metrics"})


@dataclass(slots=True)
class Recovery:
    """Whether this process is in recovery mode."""

    check_recovery: CheckRecovery
    on: bool = False

    async def begin(self) -> None:
        """Look for the first time. Raises Tampered, Unavailable."""
        self.on = await self.check_recovery()
        if self.on:
            _LOG.error("recovery.begun")

    async def watch(self) -> None:
        """Return once the mode is over."""
        while self.on:
            await asyncio.sleep(PAUSE)
            with suppress(VaultError):
                self.on = await self.check_recovery()
        _LOG.info("recovery.over")


class RecoveryGate:
    """Answers in place of the doors while the process is in recovery mode."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap the app, whose state has the mode as ``recovery``; without one there is none."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        recovery: Recovery | None = None
        if scope["type"] == "http":
            recovery = getattr(scope["app"].state, "recovery", None)
        if recovery is None or not recovery.on or scope["path"] in _OPEN:
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": _RETRY_AFTER, "Connection": "close"}
        await problem(503, _WORDS, headers=headers, reasons=["recovery"])(scope, receive, send)

"""Readiness of this node: cached health checks of its dependencies, and whether it is shutting down.

Load balancers poll every node every few seconds, so results are cached briefly. A check that exceeds the deadline
counts as failed; it keeps running in the background, and no second check of the same part starts meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from vault.errors import DatabaseUnfit, StartRefused, VaultError
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.services.node.readiness_probe import Part
from vault.structured_log import Log

_LOG = Log(__name__)
#: Timeout of a check, in seconds.
DEADLINE = 2.0
#: Cache TTL of a successful check, in seconds; a failure is cached for the shortest of them.
_CACHE_TTL: dict[Part, float] = {"database": 1.0, "objects": 5.0, "root_key": 30.0, "clock": 30.0}
#: Reported for a failed part; without its address, name or own error message.
_FAILURE: dict[Part, str] = {
    "database": "The database does not answer.",
    "objects": "The object store does not answer, or is not this vault's.",
    "root_key": "The root key cannot be used.",
    "clock": "The clock of this node is wrong by more than 2 minutes.",
}
_FOREIGN_SCHEMA = "The database has the schema of another release."
_STOPPING = "This node is shutting down."
_RECOVERY = "The vault is in recovery mode: its database lacks changes that its object store has."
_MIN_CACHE_TTL = min(_CACHE_TTL.values())


@dataclass(slots=True)
class _Check:
    """The last check of one part."""

    trouble: str | None = None
    good_until: float = 0.0
    running: "asyncio.Task[str | None] | None" = None


@dataclass(slots=True)
class Readiness:
    """Tells a load balancer whether this node is ready."""

    #: Checks one part, or raises.
    check_part: Callable[[Part], Awaitable[None]]
    #: Set at the signal to stop: the node finishes its work and takes as little new work as possible.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    deadline: float = DEADLINE
    #: Whether this process is in recovery mode; for processes without the RecoveryMode middleware.
    recovery: RecoveryCheck | None = None
    _checks: dict[Part, _Check] = field(default_factory=lambda: {part: _Check() for part in _CACHE_TTL})

    async def troubles(self) -> dict[str, str]:
        """Return the reasons why this node is not ready, a sentence each; empty if it is ready."""
        found: dict[str, str] = {"stopping": _STOPPING} if self.stopping.is_set() else {}
        if self.recovery is not None and self.recovery.on:
            found["recovery"] = _RECOVERY
        for part in _CACHE_TTL:
            if part == "root_key" and "database" in found:
                continue  # The check of the root key reads the database.
            if (trouble := await self._trouble(part)) is not None:
                found[part] = trouble
        return found

    async def _trouble(self, part: Part) -> str | None:
        check, loop = self._checks[part], asyncio.get_running_loop()
        if loop.time() < check.good_until:
            return check.trouble
        running = check.running
        if running is None:
            running = check.running = asyncio.create_task(self._run_check(part))
        # Not cancelled at the deadline: a check in a thread cannot be cancelled, it ends when the thread ends.
        await asyncio.wait({running}, timeout=self.deadline)
        if not running.done():
            return _FAILURE[part]
        if check.running is running:
            check.running, check.trouble = None, running.result()
            check.good_until = loop.time() + (_CACHE_TTL[part] if check.trouble is None else _MIN_CACHE_TTL)
        return check.trouble

    async def _run_check(self, part: Part) -> str | None:
        try:
            await self.check_part(part)
        except StartRefused:
            return _FOREIGN_SCHEMA
        except DatabaseUnfit as error:
            return str(error)
        except VaultError:
            return _FAILURE[part]
        except Exception as error:  # noqa: BLE001 - any error means that the part does not work
            _LOG.error("readiness.failed", error=type(error).__name__, trace=True)
            return _FAILURE[part]
        return None

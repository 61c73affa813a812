"""Whether this node should be sent requests: what its parts answered lately, and whether it is about to stop.

A balancer asks every few seconds, on every node, so an answer is kept for a moment. A part that does not
answer within the deadline counts as silent; the question to it goes on alone, and no second one is asked beside
it.
"""

import asyncio
from dataclasses import dataclass, field

from vault.errors import DatabaseUnfit, StartRefused, VaultError
from vault.services.closing_acts.check_recovery import CheckRecovery
from vault.services.node.readiness_probe import CheckPart, Part
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds within which a part must answer.
DEADLINE = 2.0
#: Seconds for which an answer is kept; trouble is kept for the least of them.
_CACHE_TTL: dict[Part, float] = {"database": 1.0, "objects": 5.0, "root_key": 30.0}
#: What is said of a part in trouble: nothing of its address, its name or its own words.
_WORDS: dict[Part, str] = {
    "database": "The database does not answer.",
    "objects": "The object store does not answer, or is not this vault's.",
    "root_key": "The root key cannot be used.",
}
_FOREIGN_SCHEMA = "The database has the schema of another release."
_STOPPING = "This node is about to stop."
_RECOVERY = "The vault is in recovery mode: its database lacks what its object store has."
_MIN_CACHE_TTL = min(_CACHE_TTL.values())


@dataclass(slots=True)
class _Look:
    """The last answer of one part."""

    trouble: str | None = None
    good_until: float = 0.0
    asking: "asyncio.Task[str | None] | None" = None


@dataclass(slots=True)
class Readiness:
    """What a balancer is told."""

    check_part: CheckPart
    #: Set once this node was told to stop: it finishes what it has, and takes no more than it must.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    deadline: float = DEADLINE
    #: Whether this process is in recovery mode, where that is not said by a gate before its doors.
    recovery: CheckRecovery | None = None
    _looks: dict[Part, _Look] = field(default_factory=lambda: {part: _Look() for part in _CACHE_TTL})

    async def troubles(self) -> dict[str, str]:
        """Return a sentence for each reason not to send requests here; none means ready."""
        found: dict[str, str] = {"stopping": _STOPPING} if self.stopping.is_set() else {}
        if self.recovery is not None and self.recovery.on:
            found["recovery"] = _RECOVERY
        for part in _CACHE_TTL:
            if part == "root_key" and "database" in found:
                continue  # Its proof lies in the database.
            if (trouble := await self._trouble(part)) is not None:
                found[part] = trouble
        return found

    async def _trouble(self, part: Part) -> str | None:
        look, loop = self._looks[part], asyncio.get_running_loop()
        if loop.time() < look.good_until:
            return look.trouble
        asking = look.asking
        if asking is None:
            asking = look.asking = asyncio.create_task(self._ask(part))
        # Waited for and not cancelled: a cancelled question to a thread is over only when the thread is.
        await asyncio.wait({asking}, timeout=self.deadline)
        if not asking.done():
            return _WORDS[part]
        if look.asking is asking:
            look.asking, look.trouble = None, asking.result()
            look.good_until = loop.time() + (_CACHE_TTL[part] if look.trouble is None else _MIN_CACHE_TTL)
        return look.trouble

    async def _ask(self, part: Part) -> str | None:
        try:
            await self.check_part(part)
        except StartRefused:
            return _FOREIGN_SCHEMA
        except DatabaseUnfit as error:
            return str(error)
        except VaultError:
            return _WORDS[part]
        except Exception as error:  # noqa: BLE001 - whatever it is, the part does not do its work
            _LOG.error("readiness.failed", error=type(error).__name__, trace=True)
            return _WORDS[part]
        return None

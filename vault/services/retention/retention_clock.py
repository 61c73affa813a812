"""The time by which the retention sweep erases: the earliest of three clocks, and none where they cannot be right.

A clock that is ten years ahead would make ten years of recordings due. So the sweep takes the earliest of the node's
clock, the database's and the object store's, and pauses where time jumped since its last run.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.services.shared.clock_skew import LAST_SWEEP, LONGEST_PAUSE, earlier
from vault.structured_log import Log

_LOG = Log(__name__)
#: In the vault's metadata: why the sweep is paused.
PAUSED: Final = "retention_paused"
#: In the vault's metadata: until when runs have freed recordings whose holds ended. Only a run writes it, so a pause
#: that a person ends forgets no hold.
HOLDS_CHECKED: Final = "retention_holds_checked"
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
#: Max difference between the object store's clock and the others.
_TOLERANCE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTime:
    """The time that the clocks agree on."""

    now: datetime
    #: When the sweep ran last, or was resumed; None before its first run.
    last_run: datetime | None
    #: Until when earlier runs have freed recordings whose holds ended.
    holds_checked: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClock:
    """Read the clocks, and pause the sweep where one of them may be wrong."""

    database: Database
    objects: ObjectStore
    clock: Clock

    async def read(self) -> CheckedTime | None:
        """Return the time, or None while the sweep is paused. Raises Unavailable if the store does not answer."""
        node, witness = self.clock(), await self.objects.clock()
        return await self.database.write(lambda tx: _check(tx, node, witness))

    async def resume(self, *, actor: str) -> None:
        """Let the sweep go on by the present time, which a person has checked."""
        node = self.clock()

        def resume(tx: Transaction) -> None:
            now = earlier(tx, node)
            tx.metadata.replace({LAST_SWEEP: write_rfc3339(now).encode()}, drop=[PAUSED])
            tx.events.append(AccessEvent(type="retention.resumed", at=now, account_id=None, actor=actor))

        await self.database.write(resume)

    async def ran(self, at: datetime) -> None:
        """Keep the time of a run."""
        stamp = write_rfc3339(at).encode()
        await self.database.write(lambda tx: tx.metadata.replace({LAST_SWEEP: stamp, HOLDS_CHECKED: stamp}))


def _check(tx: Transaction, node: datetime, witness: datetime | None) -> CheckedTime | None:
    now, kept = earlier(tx, node), tx.metadata.get(LAST_SWEEP)
    last_run = None if kept is None else parse_rfc3339(kept.decode())
    paused = tx.metadata.get(PAUSED) is not None
    if _jumped(now, last_run, witness):
        if not paused:
            _LOG.error("retention.clock_jump")
            tx.metadata.replace({PAUSED: b"clock_jump"})
            tx.events.append(
                AccessEvent(
                    type="retention.paused", at=now, account_id=None, actor="worker", result="clock_jump"
                )
            )
        return None
    if paused:
        if witness is None:
            return None
        # The object store's clock agrees again.
        tx.metadata.replace({}, drop=[PAUSED])
        tx.events.append(AccessEvent(type="retention.resumed", at=now, account_id=None, actor="worker"))
    now = now if witness is None else min(now, witness)
    return CheckedTime(now=now, last_run=last_run, holds_checked=_holds_checked(tx, now))


def _holds_checked(tx: Transaction, now: datetime) -> datetime:
    """Return until when; the beginning where no run has said so, or one whose clock was ahead."""
    kept = tx.metadata.get(HOLDS_CHECKED)
    checked = _BEGINNING if kept is None else parse_rfc3339(kept.decode())
    return checked if checked <= now else _BEGINNING


def _jumped(now: datetime, last_run: datetime | None, witness: datetime | None) -> bool:
    """Return whether a clock may be wrong. An agreeing witness explains a long time without a run."""
    if witness is not None and abs(now - witness) > _TOLERANCE:
        return True
    if last_run is None:
        return False
    return now < last_run - _TOLERANCE or (witness is None and now - last_run > LONGEST_PAUSE)

"""Send the access log to the operator's SIEM: each leaf with its index, in order, and the checkpoint that covers it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Final

from vault import metrics
from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import parse_event
from vault.domain.audit_log.collector_lines import Line, line_of_checkpoint, line_of_leaf
from vault.ports.collector import Collector, CollectorDown
from vault.services.audit_log.checkpoints import shown
from vault.services.shared.job import IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Leaves by one connection.
_BATCH_SIZE: Final = 1000
_PAUSE: Final = timedelta(seconds=2)
_BACKOFF: Final = Backoff(first=timedelta(seconds=2), most=timedelta(minutes=1))
#: Where the number of leaves is kept that the collector has.
_THROUGH: Final = "siem_through"


@dataclass(slots=True)
class _Failures:
    """What the last attempts of this process showed."""

    count: int = 0
    #: By the clock of ``monotonic``.
    not_before: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendToCollector:
    """Send what the newest checkpoint covers, at least once.

    What was sent is noted after the collector has read it, so a process that dies, or two that send at the same moment,
    repeat leaves with the same indexes, and leave none out. The log waits for none of it.
    """

    database: Database
    collector: Collector
    _failures: _Failures = field(default_factory=_Failures)

    def jobs(self) -> Sequence[Job]:
        """Return the sending, if the operator has a collector."""
        if not self.collector.is_set:
            return []
        return [IntervalJob(name="siem", run=self, every=_PAUSE, needs_objects=False)]

    async def __call__(self) -> None:
        """Send all that is there, unless the collector has just failed. Raises Unavailable, Tampered."""
        failures = self._failures
        while monotonic() >= failures.not_before:
            lines, through = await self.database.read(_next)
            if not lines:
                return
            try:
                await self.collector.deliver(lines)
            except CollectorDown as error:
                failures.count += 1
                failures.not_before = monotonic() + _BACKOFF.after(failures.count).total_seconds()
                metrics.SIEM.labels("failed").inc()
                _LOG.warning("siem.collector_down", error=error.reason, attempt=failures.count)
                return
            failures.count = 0
            await self.database.write(lambda tx, through=through: _note(tx, through))  # type: ignore[misc]
            metrics.SIEM.labels("delivered").inc()

    async def waiting_seconds(self) -> float | None:
        """Return the age of the oldest leaf that the collector lacks; 0 if there is none, None without a collector."""
        return await self.database.read(_waiting_seconds) if self.collector.is_set else None


def _waiting_seconds(tx: Transaction) -> float:
    if tx.tree.head().size <= (through := _through(tx)):
        return 0.0
    oldest = parse_event(tx.tree.leaves(through, through + 1)[0].leaf)
    return max(0.0, (tx.now() - oldest.at).total_seconds())


def _next(tx: Transaction) -> tuple[list[Line], int]:
    """Return the next lines, and how many leaves the collector has with them."""
    last, through = shown(tx), _through(tx)
    if last is None or last.size <= through:
        return [], through
    end = min(last.size, through + _BATCH_SIZE)
    lines = [line_of_leaf(one.index, one.leaf) for one in tx.tree.leaves(through, end)]
    if end == last.size:
        lines.append(line_of_checkpoint(last.size, last.note, last.at))
    return lines, end


def _through(tx: Transaction) -> int:
    value = tx.metadata.get(_THROUGH)
    return 0 if value is None else int(value)


def _note(tx: Transaction, through: int) -> None:
    if through > _through(tx):
        tx.metadata.replace({_THROUGH: str(through).encode()})

"""Tell accounts that a platform which sent webhooks day by day sends none any more.

The platform's own list finds what was recorded meanwhile (``reconcile_provider.py``), but not each platform has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.stores.accounts.connection_alerts import QuietConnection
from vault.database.transaction import Transaction
from vault.domain.accounts.silence import EARLIEST, LATEST, silent_after
from vault.domain.audit_log.access_event import AccessEvent
from vault.services.shared.job import HOURLY, IntervalJob, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConnections:
    """Compare the time since the last webhook of each connection with its usual pauses."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the comparison."""
        return [IntervalJob(name="watch_connections", run=self, every=HOURLY, needs_objects=False)]

    async def __call__(self) -> int:
        """Tell of connections that are silent, each once until it has a webhook again; return how many."""
        await self.database.write(lambda tx: tx.connection_alerts.end_silences())
        quiet, now = await self.database.read(
            lambda tx: (
                tx.connection_alerts.quiet(tx.now() - LATEST - EARLIEST, tx.now() - EARLIEST),
                tx.now(),
            )
        )
        told = 0
        for one in quiet:
            days = await self.database.read(lambda tx, one=one: tx.connection_alerts.days_with_webhooks(one))  # type: ignore[misc]
            after = silent_after(days)
            if after is not None and one.last_webhook_at + after <= now:
                told += await self.database.write(lambda tx, one=one: _tell(tx, one))  # type: ignore[misc]
        return told


def _tell(tx: Transaction, connection: QuietConnection) -> bool:
    if tx.closures.has_begun(connection.account_id):
        return False
    is_new = tx.connection_alerts.begin(connection.id, "silent", tx.now())
    if is_new:
        tx.events.append(
            AccessEvent(
                type="connection.silent", at=tx.now(), account_id=connection.account_id, actor="worker",
                result=connection.id,
            )
        )  # fmt: skip
    return is_new

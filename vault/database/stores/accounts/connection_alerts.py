"""What is wrong with connections: platforms that send nothing any more, or refuse the credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import delete, select

from vault.database.schema.calls import connection_alerts, connection_deliveries
from vault.database.schema.core import connections
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows
from vault.domain.accounts.silence import DAYS

AlertKind = Literal["silent", "unauthorized"]
_NOT_TAKEN: Final = ("rejected", "failed")
_A, _C, _D = connection_alerts.c, connections.c, connection_deliveries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietConnection:
    """A connection that has had no webhook for a while."""

    id: str
    account_id: str
    last_webhook_at: datetime


class ConnectionAlertRows(Rows):
    """What was told of connections, in one transaction."""

    def begin(self, connection_id: str, kind: AlertKind, at: datetime) -> bool:
        """Note that it was told; False if it was before, and is not right again."""
        row = {"connection_id": connection_id, "kind": kind, "since": at}
        return bool(insert_new(self._db, connection_alerts, row))

    def end(self, connection_id: str, kind: AlertKind) -> None:
        """Note that it is right again."""
        self._db.execute(delete(connection_alerts).where(_A.connection_id == connection_id, _A.kind == kind))

    def end_silences(self) -> None:
        """End those of connections that have had a webhook since, or are deleted."""
        silent = select(_C.id).where(_C.id == _A.connection_id, _C.last_webhook_at <= _A.since)
        self._db.execute(delete(connection_alerts).where(_A.kind == "silent", ~silent.exists()))

    def quiet(self, first: datetime, last: datetime) -> Sequence[QuietConnection]:
        """Return connections whose last webhook came in [first, last], and of which that was not told."""
        told = select(_A.connection_id).where(_A.connection_id == _C.id, _A.kind == "silent")
        query = select(_C.id, _C.account_id, _C.last_webhook_at).where(
            _C.last_webhook_at >= first, _C.last_webhook_at <= last, ~told.exists()
        )
        return [QuietConnection(**row) for row in self._db.execute(query.order_by(_C.id)).mappings()]

    def days_with_webhooks(self, connection: QuietConnection) -> Sequence[bool]:
        """Return whether a webhook was taken on each of the DAYS up to the last one, the last day first."""
        day = timedelta(days=1)
        # It is noted to the minute, and the log of deliveries a second later.
        ends = [connection.last_webhook_at + timedelta(minutes=2) - number * day for number in range(DAYS)]
        mine = (_D.connection_id == connection.id) & _D.outcome.not_in(_NOT_TAKEN)
        any_of = [select(_D.id).where(mine, _D.at > end - day, _D.at <= end).exists() for end in ends]
        return [bool(one) for one in self._db.execute(select(*any_of)).one()]

"""How many recordings each key and listener got by the hour."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from vault.database.schema.core import links
from vault.database.schema.playback import access_hours
from vault.database.sql.dialect import insert_for
from vault.database.stores.rows import Rows
from vault.domain.audit_log.unusual import KEPT, hour_of

_A, _L = access_hours.c, links.c
_DAY: Final = 24
# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE: Final = 1000


class AccessHourRows(Rows):
    """Counts of one transaction."""

    def listeners(self, link_ids: Collection[str]) -> Mapping[str, str]:
        """Return the keyed hash of the listener of each of these links that still exists."""
        query = select(_L.id, _L.listener_term).where(_L.id.in_(link_ids))
        return {row.id: row.listener_term.hex() for row in self._db.execute(query)}

    def add(self, account_id: str, subject: str, hour: int, recordings: int) -> int:
        """Add recordings to an hour; return how many it has."""
        row = {
            "account_id": account_id,
            "subject": subject,
            "hour": hour,
            "recordings": recordings,
            "told": False,
        }
        put = insert_for(self._db, access_hours).values(row)
        more = {"recordings": _A.recordings + recordings}
        added = put.on_conflict_do_update(index_elements=["account_id", "subject", "hour"], set_=more)
        total: int = self._db.execute(added.returning(_A.recordings)).scalar_one()
        return total

    def most(self, account_id: str, subject: str, *, but: int) -> int:
        """Return the number of the busiest hour of somebody, ``but`` for one."""
        mine = (_A.account_id == account_id) & (_A.subject == subject) & (_A.hour != but)
        return self._db.execute(select(func.max(_A.recordings)).where(mine)).scalar() or 0

    def has_before(self, account_id: str, hour: int) -> bool:
        """Return whether anything of an account was counted before an hour."""
        query = select(_A.hour).where(_A.account_id == account_id, _A.hour < hour).limit(1)
        return self._db.execute(query).first() is not None

    def tell(self, account_id: str, subject: str, hour: int) -> bool:
        """Note that an hour is told; False if one of the day before it was."""
        mine = (_A.account_id == account_id) & (_A.subject == subject)
        told = select(_A.hour).where(mine, _A.told, _A.hour > hour - _DAY).limit(1)
        if self._db.execute(told).first() is not None:
            return False
        self._db.execute(update(access_hours).where(mine, _A.hour == hour).values(told=True))
        return True

    def forget(self, now: datetime) -> bool:
        """Delete a batch of hours that are older than 28 days; False if there are none."""
        old = (
            select(_A.account_id, _A.subject, _A.hour).where(_A.hour < hour_of(now - KEPT)).limit(_BATCH_SIZE)
        )
        found: list[Any] = [tuple(row) for row in self._db.execute(old)]
        for account_id, subject, hour in found:
            mine = (_A.account_id == account_id) & (_A.subject == subject) & (_A.hour == hour)
            self._db.execute(delete(access_hours).where(mine))
        return len(found) == _BATCH_SIZE

"""Recordings whose retention ends soon, and which of them were told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select, text, tuple_, update

from vault.database.schema.core import EPOCH, IS_UNTOLD, recordings
from vault.database.schema.retention import holds
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_from
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import Recording

#: Stands in ``due_told`` for a recording that was held when it was looked at.
HELD: Final = EPOCH
_R = recordings.c


class DueSoonRows(Rows):
    """What is due soon, in one transaction."""

    def untold(
        self, account_id: str, until: datetime, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[tuple[Recording, datetime]]:
        """Return recordings that are due by ``until`` and were not looked at, and when; those after the cursor."""
        rows = self._db.execute(untold_query(account_id, until, after, limit)).mappings()
        return [(recording_from(row), row["act_at"]) for row in rows]

    def note(self, recording_id: str, act_at: datetime, told: datetime) -> bool:
        """Note that a recording was told to be due at ``told``, or HELD; False if it was, or its date has moved."""
        same = (_R.id == recording_id) & (_R.act_at == act_at) & _R.due_told.is_(None)
        return bool(self._db.execute(update(recordings).where(same).values(due_told=told)).rowcount)

    def freed(self, since: datetime, first: datetime, last: datetime) -> Sequence[str]:
        """Return the accounts of holds that were released since then, or that end between ``first`` and ``last``."""
        h = holds.c
        ends = (h.free_at > first) & (h.free_at <= last)
        return (
            self._db.execute(select(h.account_id).where(or_(h.released_at > since, ends)).distinct())
            .scalars()
            .all()
        )

    def look_again(self, account_id: str, until: datetime, *, limit: int) -> int:
        """Let recordings that were held be looked at again; return how many."""
        held = select(_R.id).where(
            _R.account_id == account_id, _R.due_told == HELD, _R.act_at <= until, text(IS_UNTOLD)
        )
        query = update(recordings).where(_R.id.in_(held.order_by(_R.act_at, _R.id).limit(limit)))
        return self._db.execute(query.values(due_told=None)).rowcount


def untold_query(account_id: str, until: datetime, after: tuple[datetime, str] | None, limit: int) -> Any:
    """Return the query for a page of recordings that were not looked at, in the order of their dates."""
    query = select(*RECORDING_COLUMNS, _R.act_at).where(
        _R.account_id == account_id, _R.due_told.is_(None), _R.act_at <= until, text(IS_UNTOLD)
    )
    if after is not None:
        query = query.where(tuple_(_R.act_at, _R.id) > after)
    # By the columns of the index: of a NULL PostgreSQL does not see that it is one value.
    return query.order_by(_R.due_told, _R.act_at, _R.id).limit(limit)

"""Back-fills of policies on card data: the newest one of each account, and what it still has to search."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, func, select, tuple_, update

from vault.database.account_parts.part import of_row, row_of
from vault.database.schema.card_data import card_data_back_fills
from vault.database.schema.core import recordings
from vault.database.signals import Work, wake
from vault.database.sql.dialect import insert_for, sql_now
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.rows import Rows
from vault.domain.recordings.back_fill import SEARCHED, BackFill, BackFillSize, Searched
from vault.domain.recordings.recording import Recording

_B = card_data_back_fills.c
_R = recordings.c


class BackFillRows(Rows):
    """Back-fills, in one transaction."""

    def of(self, account_id: str) -> BackFill | None:
        """Return the newest one of an account."""
        query = select(card_data_back_fills).where(_B.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else _back_fill(row)

    def begin(self, one: BackFill) -> None:
        """Put it in the place of the one before; it is due now."""
        values = row_of(one) | {"not_before": sql_now(self._db)}
        put = insert_for(self._db, card_data_back_fills).values(**values)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))
        wake(self._db, Work.CARD_DATA)

    def change(self, one: BackFill, **values: Any) -> bool:
        """Change its state; return whether it was still in the one that the caller has read. Due only if it runs."""
        runs = values["state"] == "running"
        due = {"not_before": sql_now(self._db) if runs else None, "tries": 0}
        if runs:
            wake(self._db, Work.CARD_DATA)
        return self._change(one, {**values, **due})

    def due(self) -> BackFill | None:
        """Return the one that waits longest, so that those of several accounts go on in turn."""
        query = select(card_data_back_fills).where(_B.not_before <= sql_now(self._db))
        row = self._db.execute(query.order_by(_B.not_before).limit(1)).mappings().first()
        return None if row is None else _back_fill(row)

    def next_due(self) -> datetime | None:
        """Return when the first one is due that runs."""
        at: datetime | None = self._db.execute(select(func.min(_B.not_before))).scalar()
        return at

    def try_again(self, one: BackFill, wait: timedelta, *, tries: int) -> bool:
        """Let the next recording be tried after ``wait``; return whether it still runs, at the same place."""
        wake(self._db, Work.CARD_DATA, after=wait)
        return self._change(one, {"not_before": sql_now(self._db, wait), "tries": tries})

    def advance(self, one: BackFill, recording: Recording, said: Searched) -> bool:
        """Note that a recording was searched; return whether it still runs, at the same place: else nothing changes."""
        values: dict[str, Any] = {
            "after_at": recording.received_at, "after_id": recording.id, "tries": 0,
            "not_before": sql_now(self._db), "searched": _B.searched + 1,
            "searched_seconds": _B.searched_seconds + said.seconds, "proposed": _B.proposed + said.proposed,
            "removed": _B.removed + said.removed, "held": _B.held + said.held,
            "unremoved": _B.unremoved + said.unremoved, "unreadable": _B.unreadable + said.unreadable,
        }  # fmt: skip
        wake(self._db, Work.CARD_DATA)
        return self._change(one, values)

    def next_recording(self, one: BackFill) -> Recording | None:
        """Return what it searches next, the oldest first."""
        query = select(*RECORDING_COLUMNS).where(*_mine(one.account_id, one.policy_at))
        if one.after_at is not None:
            query = query.where(tuple_(_R.received_at, _R.id) > (one.after_at, one.after_id))
        row = self._db.execute(query.order_by(_R.received_at, _R.id).limit(1)).first()
        return None if row is None else recording_of(row)

    def size(self, account_id: str, before: datetime) -> BackFillSize:
        """Count what arrived before."""
        query = select(func.count(), func.coalesce(func.sum(_R.duration), 0.0))
        number, seconds = self._db.execute(query.where(*_mine(account_id, before))).one()
        return BackFillSize(recordings=number, seconds=float(seconds))

    def _change(self, one: BackFill, values: Mapping[str, Any]) -> bool:
        same = (_B.account_id == one.account_id) & (_B.begun_at == one.begun_at) & (_B.state == one.state)
        place = _B.after_id.is_(None) if one.after_id is None else _B.after_id == one.after_id
        changed = update(card_data_back_fills).where(same, place).values(**values)
        return bool(self._db.execute(changed.returning(_B.account_id)).first())


def _mine(account_id: str, before: datetime) -> tuple[Any, ...]:
    return _R.account_id == account_id, _R.received_at < before, _R.state.in_(SEARCHED)


def _back_fill(row: RowMapping) -> BackFill:
    return of_row(BackFill, row)

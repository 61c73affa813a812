"""What is counted of an account: what triggers appended, and what a job has added up (``schema/usage.py``)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select, union_all

from vault.database.schema.node import vault_metadata
from vault.database.schema.usage import usage_changes, usage_days
from vault.database.sql.dialect import insert_for
from vault.database.stores.rows import Rows
from vault.domain.accounts.usage import PLAY, UsageCount

_C, _D, _M = usage_changes.c, usage_days.c, vault_metadata.c
_KEY: Final = ("account_id", "day", "kind", "reason")
_COUNTED: Final = ("number", "milliseconds", "bytes")
#: In the vault's metadata: up to which entry the log's plays were counted.
_THROUGH: Final = "plays_counted"


class UsageRows(Rows):
    """Counts of one transaction."""

    def of_days(self, account_id: str, first: int, last: int) -> Sequence[UsageCount]:
        """Return the counts of the days from ``first`` to ``last``, added up or not."""
        parts = [
            select(*(one[name] for name in (*_KEY[1:], *_COUNTED))).where(
                one.account_id == account_id, one.day >= first, one.day <= last
            )
            for one in (_D, _C)
        ]
        both = union_all(*parts).subquery().c
        key = [both[name] for name in _KEY[1:]]
        query = select(*key, *(func.sum(both[name]).label(name) for name in _COUNTED)).group_by(*key)
        rows = self._db.execute(query.having(func.sum(both.number) != 0))
        return [
            UsageCount(
                day=row.day,
                kind=row.kind,
                reason=row.reason,
                number=int(row.number),
                milliseconds=int(row.milliseconds),
                bytes=int(row.bytes),
            )
            for row in rows
        ]

    def first_day(self, account_id: str) -> int | None:
        """Return the first day that has a count; None if there is none."""
        first = [
            self._db.execute(select(func.min(one.day)).where(one.account_id == account_id)).scalar()
            for one in (_D, _C)
        ]
        return min((one for one in first if one is not None), default=None)

    def has_changes(self) -> bool:
        """Return whether anything is not added up yet."""
        return self._db.execute(select(_C.position).limit(1)).first() is not None

    def add_up(self, *, limit: int) -> int:
        """Add the oldest changes to their days, at most ``limit``; return how many these were."""
        oldest = select(_C.position).order_by(_C.position).limit(limit).scalar_subquery()
        taken = delete(usage_changes).where(_C.position.in_(oldest))
        rows = self._db.execute(taken.returning(*(_C[name] for name in (*_KEY, *_COUNTED)))).all()
        sums: dict[tuple[str, ...], Counter[str]] = {}
        for row in rows:
            key = (row.account_id, row.day, row.kind, row.reason)
            one = sums.setdefault(key, Counter())
            for name in _COUNTED:
                one[name] += getattr(row, name)
        self._add(
            [
                dict(zip(_KEY, key, strict=True)) | {name: one[name] for name in _COUNTED}
                for key, one in sums.items()
            ]
        )
        return len(rows)

    def plays_counted(self) -> int:
        """Return up to which entry of the log plays were counted."""
        found = self._db.execute(select(_M.value).where(_M.name == _THROUGH)).scalar()
        return 0 if found is None else int(found)

    def add_plays(self, start: int, end: int, plays: Mapping[tuple[str, int], int]) -> bool:
        """Add the plays of the entries [start, end), by account and day; False if others were counted meanwhile."""
        if self.plays_counted() != start:
            return False
        self._add(
            [
                {"account_id": account_id, "day": day, "kind": PLAY, "reason": "", "number": number}
                | {"milliseconds": 0, "bytes": 0}
                for (account_id, day), number in plays.items()
            ]
        )
        put = insert_for(self._db, vault_metadata).values(name=_THROUGH, value=str(end).encode())
        newer = {"value": put.excluded.value}
        self._db.execute(put.on_conflict_do_update(index_elements=["name"], set_=newer))
        return True

    def forget_plays(self) -> None:
        """Let the plays be counted again from the first entry of the log."""
        self._db.execute(delete(usage_days).where(_D.kind == PLAY))
        self._db.execute(delete(vault_metadata).where(_M.name == _THROUGH))

    def _add(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        put = insert_for(self._db, usage_days)
        more = {name: _D[name] + put.excluded[name] for name in _COUNTED}
        # Sorted, so that two nodes that add to the same days do not wait for each other.
        ordered = sorted(rows, key=lambda row: tuple(row[name] for name in _KEY))
        self._db.execute(put.on_conflict_do_update(index_elements=_KEY, set_=more), ordered)

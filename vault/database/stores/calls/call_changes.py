"""When calls changed, in an order in which nothing appears before a place that was read.

SQLite has one writer, so that a number is drawn in the order of the commits. PostgreSQL's transactions commit in
another order than they began: a change has the number of its transaction, and a page ends before the first transaction
that has not ended. A number drawn from a sequence, or a time, would pass over what commits late.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select, text, tuple_, update

from vault.database.schema.calls import call_change_base, call_changes, call_facts
from vault.database.schema.core import micros, recordings
from vault.database.sql.dialect import database_now, is_postgresql
from vault.database.stores.rows import Rows
from vault.errors import Invalid

_B, _C = call_change_base.c, call_changes.c
#: The number of this transaction, as an expression over ``call_change_base``: for the hot twin too.
CHANGE_NUMBER: Final = "base + pg_current_xact_id()::text::bigint"
_THEN: Final = (
    " ON CONFLICT (account_id, call_ref) DO UPDATE SET changed = excluded.changed, erased = excluded.erased"
)
_NOTE: Final = (
    "INSERT INTO call_changes (account_id, call_ref, changed, erased) "  # noqa: S608 - constants
    f"SELECT %(account_id)s, %(call_ref)s, {CHANGE_NUMBER}, %(erased)s FROM call_change_base{_THEN}"
)
# Of one account alone: only its order counts. Not below the time, so that it exceeds the numbers of a lost database.
_NOTE_ON_SQLITE: Final = (
    "INSERT INTO call_changes (account_id, call_ref, changed, erased) "  # noqa: S608 - constants
    "VALUES (:account_id, :call_ref, max(:now, "
    "(SELECT coalesce(max(changed) + 1, 0) FROM call_changes WHERE account_id = :account_id)), :erased)"
    + _THEN
)
_BOUNDS: Final = text(
    "SELECT base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint, "
    "base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM call_change_base"
)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ChangePlace:
    """A place among the changes of an account: behind a change with this number of this call."""

    number: int
    call_ref: str


#: Before every change.
BEGINNING: Final = ChangePlace(number=-1, call_ref="")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChange:
    """The last change of a call."""

    place: ChangePlace
    erased: bool

    @property
    def call_ref(self) -> str:
        """Return the platform's name of the call."""
        return self.place.call_ref


class CallChangeRows(Rows):
    """Changes of calls in one transaction."""

    def page(self, account_id: str, after: ChangePlace, *, limit: int) -> Sequence[CallChange]:
        """Return calls by their last changes, in their order. Raises Invalid for a place that does not exist yet."""
        lowest_open, end = self._bounds(account_id)
        if after.number >= end:
            raise Invalid(
                "changed_since is beyond the last change: begin again with 0, as after a restore.",
                field="changed_since",
            )
        query = select(_C.call_ref, _C.changed, _C.erased).where(
            _C.account_id == account_id,
            _C.changed < lowest_open,
            tuple_(_C.changed, _C.call_ref) > (after.number, after.call_ref),
        )
        rows = self._db.execute(query.order_by(_C.changed, _C.call_ref).limit(limit))
        return [
            CallChange(place=ChangePlace(number=row.changed, call_ref=row.call_ref), erased=bool(row.erased))
            for row in rows
        ]

    def of_connection(self, account_id: str, call_refs: Collection[str], connection_id: str) -> set[str]:
        """Return those of these calls of which a webhook of the connection has told."""
        f, r = call_facts.c, recordings.c
        told = select(f.call_ref).where(
            f.account_id == account_id,
            f.call_ref.in_(call_refs),
            f.delivery.startswith(f"{connection_id}/", autoescape=True),
        )
        announced = select(r.call_ref).where(
            r.account_id == account_id, r.call_ref.in_(call_refs), r.connection_id == connection_id
        )
        return set(self._db.execute(told.union(announced)).scalars())

    def follow_history(self) -> None:
        """Let numbers go on above all earlier ones if PostgreSQL's server, or its history, is another than before.

        It counts its transactions from the start again, or may have lost the last ones. Nobody else writes there yet.
        """
        connection: Any = self._db.connection.dbapi_connection
        history = "/".join(map(str, astuple(connection.identity)))
        other = _B.history.is_distinct_from(history)
        base = func.greatest(_B.base, micros(database_now(self._db)))
        self._db.execute(update(call_change_base).where(other).values(base=base, history=history))

    def _bounds(self, account_id: str) -> tuple[int, int]:
        """Return the first number that an open transaction may have, and a number that none has had."""
        if is_postgresql(self._db):
            lowest_open, end = self._db.execute(_BOUNDS).one()
            return lowest_open, end
        last = self._db.execute(select(func.max(_C.changed)).where(_C.account_id == account_id)).scalar()
        end = max(micros(database_now(self._db)), last or 0) + 1
        return end, end


def note_call_change(connection: Connection, account_id: str, call_ref: str, *, erased: bool = False) -> None:
    """Note that a call changed, or was erased, in this transaction."""
    note_call_changes(connection, [(account_id, call_ref)], erased=erased)


def note_call_changes(
    connection: Connection, calls: Iterable[tuple[str, str]], *, erased: bool = False
) -> None:
    """Note the same of several calls, each with its account: PostgreSQL is sent all of them in one round trip."""
    cursor = connection.connection.cursor()
    same: dict[str, Any] = {"erased": erased}
    note = _NOTE
    if not is_postgresql(connection):
        same, note = same | {"now": micros(database_now(connection))}, _NOTE_ON_SQLITE
    cursor.executemany(note, [same | {"account_id": one, "call_ref": ref} for one, ref in calls])

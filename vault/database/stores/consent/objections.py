"""Objections, found by the keyed hashes of every spelling of their numbers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Select,
    bindparam,
    column,
    insert,
    select,
    union_all,
    update,
    values,
)

from vault.database.account_parts.part import account_changed
from vault.database.schema.calls import call_terms
from vault.database.schema.consent import objection_terms, objections
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.consent.consent_event import Objection

#: The version of the terms of objections: an objection without them was written by an older release, or by a restore.
READER: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionRow:
    """An objection with its sealed number."""

    id: str
    account_id: str
    #: Keyed hash of the number, for search.
    term: bytes
    sealed_number: bytes
    key_version: int
    objection: Objection


_ACTIVE: Final = CompiledSelect(
    select(objections.c.id)
    .where(objections.c.account_id == bindparam("account_id"), objections.c.until.is_(None))
    .limit(1)
)
_UNREAD: Final = CompiledSelect(
    select(objections.c.id)
    .where(objections.c.account_id == bindparam("account_id"), objections.c.reader.is_(None))
    .limit(1)
)


class ObjectionRows(Rows):
    """Objections by keyed hash of the number. A caller that changes one holds the account's exclusive lock."""

    def by_id(self, objection_id: str) -> ObjectionRow:
        """Return an objection, which must exist."""
        query = select(objections).where(objections.c.id == objection_id)
        return _objection(self._db.execute(query).mappings().one())

    def of_terms(self, account_id: str, terms: Sequence[bytes]) -> Sequence[ObjectionRow]:
        """Return the objections of numbers in E.164 by their terms, also ended ones, oldest first."""
        o = objections.c
        query = select(objections).where(o.account_id == account_id, o.term.in_(terms))
        return objections_of(self._db.execute(query.order_by(o.since, o.id)).mappings().all())

    def of_call(self, account_id: str, call_ref: str, terms: Sequence[bytes] = ()) -> Sequence[ObjectionRow]:
        """Return the objections of a call's numbers, and of these, in any spelling, also ended ones, oldest first."""
        query, named = objections_query(terms)
        return objections_of(query.rows(self._db, account_id=account_id, call_ref=call_ref, **named))

    def of_numbers(
        self, account_id: str, terms: Sequence[bytes], *, start: int, limit: int
    ) -> Sequence[ObjectionRow]:
        """Return a page of all objections of these numbers after the first ``start``, oldest first."""
        o = objections.c
        mine = select(objections).where(o.account_id == account_id, o.term.in_(terms))
        rows = self._db.execute(mine.order_by(o.since, o.id).offset(start).limit(limit)).mappings()
        return [_objection(row) for row in rows]

    def any_of(self, account_id: str, terms: Sequence[bytes]) -> bool:
        """Return whether one of these numbers, in any spelling, has an objection, also an ended one."""
        named = _padded(terms)
        return bool(terms) and _any_of(len(named)).first(self._db, account_id=account_id, **named) is not None

    def any_unread(self, account_id: str) -> bool:
        """Return whether the terms of an objection of the account are not written yet."""
        return _UNREAD.first(self._db, account_id=account_id) is not None

    def any_active(self, account_id: str) -> bool:
        """Return whether the account has an objection in force."""
        return _ACTIVE.first(self._db, account_id=account_id) is not None

    def unread(self, *, after: str, limit: int) -> Sequence[ObjectionRow]:
        """Return objections of all accounts whose terms are not written yet, ordered by id."""
        o = objections.c
        query = select(objections).where(o.reader.is_(None), o.id > after).order_by(o.id).limit(limit)
        return [_objection(row) for row in self._db.execute(query).mappings()]

    def index(self, row: ObjectionRow, terms: Collection[bytes]) -> None:
        """Write the terms of an objection, every spelling of its number."""
        named = {"account_id": row.account_id, "objection_id": row.id}
        rows = [{**named, "term": term} for term in sorted({row.term, *terms})]
        insert_new(self._db, objection_terms, *rows)
        self._db.execute(update(objections).where(objections.c.id == row.id).values(reader=READER))

    def add(self, row: ObjectionRow) -> None:
        """Insert an objection. Raises KeyRetired."""
        refuse_retired(self._db, row.account_id, row.key_version)
        self.restore(row)

    def restore(self, row: ObjectionRow) -> None:
        """Insert an objection of another database, sealed under any version of the account's key."""
        values = {name: getattr(row, name) for name in ObjectionRow.__slots__ if name != "objection"}
        values |= {name: getattr(row.objection, name) for name in Objection.__slots__}
        self._db.execute(insert(objections).values(values))
        account_changed(self._db, row.account_id)

    def end(self, objection_id: str, *, at: datetime, by: str) -> None:
        """Mark an objection as withdrawn."""
        ended = update(objections).where(objections.c.id == objection_id).values(until=at, ended_by=by)
        for account_id in self._db.execute(ended.returning(objections.c.account_id)).scalars().all():
            account_changed(self._db, account_id)

    def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[ObjectionRow]:
        """Return active objections ordered by id, those greater than ``after``."""
        o = objections.c
        query = select(objections).where(o.account_id == account_id, o.until.is_(None), o.id > (after or ""))
        rows = self._db.execute(query.order_by(o.id).limit(limit))
        return [_objection(row) for row in rows.mappings()]


def objections_query(terms: Sequence[bytes]) -> tuple[CompiledSelect, Mapping[str, bytes]]:
    """Return the query for the objections of a call, and its parameters except ``account_id`` and ``call_ref``.

    Those of the numbers that are stored with the call, and of these ``terms``.
    """
    named = _padded(terms)
    return _objections_of(len(named)), named


def objections_of(rows: Sequence[Mapping[Any, Any]]) -> Sequence[ObjectionRow]:
    """Read the rows of that query."""
    return [_objection(row) for row in rows]


def _padded(terms: Sequence[bytes]) -> Mapping[str, bytes]:
    """Return the terms as parameters of ``_given``; the last comes again, so that a few statements serve any count."""
    if not terms:
        return {}
    count = 1 << (len(terms) - 1).bit_length()
    padded = [*terms, *[terms[-1]] * (count - len(terms))]
    return {f"term_{place}": term for place, term in enumerate(padded)}


def _given(count: int) -> Select[bytes]:
    """Return a SELECT of so many parameters. VALUES, because SQLite takes 500 SELECTs at most."""
    term = column("term", objections.c.term.type)
    rows = [(bindparam(f"term_{place}", type_=term.type),) for place in range(count)]
    return select(values(term).data(rows).cte("given").c.term)


def _matching(
    account_id: BindParameter[str], terms: Select[bytes] | CompoundSelect[bytes]
) -> CompoundSelect[str]:
    """Return the query for the ids of the objections of these terms, in any spelling."""
    o, t = objections.c, objection_terms.c
    return union_all(
        select(t.objection_id).where(t.account_id == account_id, t.term.in_(terms)),
        select(o.id).where(o.account_id == account_id, o.term.in_(terms)),
    )


@cache
def _any_of(count: int) -> CompiledSelect:
    return CompiledSelect(_matching(bindparam("account_id"), _given(count)).limit(1))


@cache
def _objections_of(count: int) -> CompiledSelect:
    """Return the query for the stored terms of a call, and ``count`` more."""
    o, c = objections.c, call_terms.c
    account_id: BindParameter[str] = bindparam("account_id")
    terms: Select[bytes] | CompoundSelect[bytes]
    terms = select(c.term).where(c.account_id == account_id, c.call_ref == bindparam("call_ref"))
    if count:
        # One set of both: an index is used for each of its terms.
        terms = terms.union_all(_given(count))
    query = select(objections).where(o.account_id == account_id, o.id.in_(_matching(account_id, terms)))
    return CompiledSelect(query.order_by(o.since, o.id))


def _objection(columns: Mapping[Any, Any]) -> ObjectionRow:
    objection = Objection(**{name: columns[name] for name in Objection.__slots__})
    same = {name: columns[name] for name in ObjectionRow.__slots__ if name != "objection"}
    return ObjectionRow(**same, objection=objection)

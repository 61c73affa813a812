"""Consent events, objections, policies and pauses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, delete, insert, select, update
from sqlalchemy import Connection as DbConnection

from vault.database.schema.calls import call_terms
from vault.database.schema.consent import (
    consent_events,
    consent_policies,
    objections,
    pauses,
)
from vault.database.signals import Work, wake
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import database_now, insert_new, is_postgresql, sql_now
from vault.database.stores.account_objects import account_changed
from vault.database.stores.current_key_check import refuse_retired
from vault.domain.consent.consent_event import ConsentPolicy, Objection
from vault.domain.stored.policy_json import decode_policy, encode_policy
from vault.errors import Busy

# Every call that starts and every received recording runs these.
_ADD_EVENT = insert(consent_events)
_EVENTS_OF_CALL = CompiledSelect(
    select(consent_events)
    .where(
        consent_events.c.account_id == bindparam("account_id"),
        consent_events.c.call_ref == bindparam("call_ref"),
    )
    .order_by(consent_events.c.heard_at, consent_events.c.id)
)
_NEWEST_POLICY = CompiledSelect(
    select(consent_policies)
    .where(consent_policies.c.account_id == bindparam("account_id"))
    .order_by(consent_policies.c.version.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """One sealed consent event of a call."""

    id: str
    account_id: str
    call_ref: str
    #: When the vault received the report; events are ordered by it.
    heard_at: datetime
    sealed_event: bytes
    key_version: int


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A call whose recording the provider must pause."""

    account_id: str
    connection_id: str
    call_ref: str
    #: Number of requests to the provider.
    attempts: int


class ConsentRows:
    """Consent events of calls, as append-only rows.

    They are kept when a recording is erased: a refusal also applies to recordings of the call that arrive later.
    """

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def add(self, row: ConsentRow) -> None:
        """Insert an event. Raises KeyRetired."""
        refuse_retired(self._db, row.account_id, row.key_version)
        self._db.execute(_ADD_EVENT, {name: getattr(row, name) for name in ConsentRow.__slots__})

    def restore(self, row: ConsentRow) -> None:
        """Insert an event of another database, sealed under any version of the account's key.

        It replaces the same event sealed under another version.
        """
        self._db.execute(delete(consent_events).where(consent_events.c.id == row.id))
        self._db.execute(_ADD_EVENT, {name: getattr(row, name) for name in ConsentRow.__slots__})

    def of_call(self, account_id: str, call_ref: str) -> Sequence[ConsentRow]:
        """Return the events of a call in the order in which the vault received them."""
        rows = _EVENTS_OF_CALL.rows(self._db, account_id=account_id, call_ref=call_ref)
        return [ConsentRow(**row) for row in rows]

    def calls(self, account_id: str, *, after: str, limit: int) -> Sequence[str]:
        """Return the calls of an account that have events, ordered by their names."""
        c = consent_events.c
        query = select(c.call_ref).where(c.account_id == account_id, c.call_ref > after).distinct()
        return self._db.execute(query.order_by(c.call_ref).limit(limit)).scalars().all()

    def forget(self, account_id: str, event_ids: Sequence[str]) -> None:
        """Delete events of a call, all of whose recordings are erased; never a refusal, which must outlive them."""
        c = consent_events.c
        self._db.execute(delete(consent_events).where(c.account_id == account_id, c.id.in_(event_ids)))


class ObjectionRows:
    """Objections by keyed hash of the number. A caller that changes one holds the account's exclusive lock."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def of_terms(self, account_id: str, terms: Sequence[bytes]) -> Sequence[ObjectionRow]:
        """Return the objections of these numbers, also ended ones, oldest first."""
        if not terms:
            return []
        query, named = objections_query(terms)
        return objections_of(query.rows(self._db, account_id=account_id, **named))

    def of_call(self, account_id: str, call_ref: str, terms: Sequence[bytes] = ()) -> Sequence[ObjectionRow]:
        """Return the objections of a call's numbers, and of these, also ended ones, oldest first."""
        query, named = objections_query(terms, of_call=True)
        return objections_of(query.rows(self._db, account_id=account_id, call_ref=call_ref, **named))

    def of_number(self, account_id: str, term: bytes, *, start: int, limit: int) -> Sequence[ObjectionRow]:
        """Return a page of all objections of a number after the first ``start``, oldest first."""
        o = objections.c
        mine = select(objections).where(o.account_id == account_id, o.term == term)
        rows = self._db.execute(mine.order_by(o.since, o.id).offset(start).limit(limit)).mappings()
        return [_objection(row) for row in rows]

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
        return [_objection(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


class PauseRows:
    """The calls whose recording the provider must pause, in one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def want(self, pause: Pause) -> None:
        """Insert a call; an existing one stays."""
        values = {name: getattr(pause, name) for name in Pause.__slots__}
        wake(
            self._db,
            Work.PAUSE_RECORDINGS,
            insert_new(self._db, pauses, values | {"not_before": database_now(self._db)}),
        )

    def claim(self, *, pause: timedelta) -> Pause | None:
        """Claim a call that is due; no other worker gets it for ``pause``."""
        p, now = pauses.c, sql_now(self._db)
        due = select(p.account_id, p.call_ref).where(p.not_before <= now).order_by(p.not_before).limit(1)
        if is_postgresql(self._db):
            due = due.with_for_update(skip_locked=True)
        found = self._db.execute(due).first()
        if found is None:
            return None
        taken = update(pauses).where(p.account_id == found.account_id, p.call_ref == found.call_ref)
        taken = taken.values(not_before=sql_now(self._db, pause), attempts=p.attempts + 1)
        row = self._db.execute(taken.returning(*(p[name] for name in Pause.__slots__))).one()
        wake(self._db, Work.PAUSE_RECORDINGS, after=pause)
        return Pause(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def done(self, pause: Pause) -> None:
        """Delete a call: its recording needs no further pause request."""
        p = pauses.c
        self._db.execute(delete(pauses).where(p.account_id == pause.account_id, p.call_ref == pause.call_ref))


class PolicyRows:
    """The versions of an account's consent policy."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def current(self, account_id: str) -> ConsentPolicy:
        """Return the newest version; the defaults, as version 0, if none was set."""
        row = _NEWEST_POLICY.first(self._db, account_id=account_id)
        return ConsentPolicy() if row is None else _policy(row)

    def history(
        self, account_id: str, *, start: int, limit: int, newest_first: bool = False
    ) -> Sequence[ConsentPolicy]:
        """Return a page of the versions after the first ``start``, oldest first unless ``newest_first``."""
        p = consent_policies.c
        order = p.version.desc() if newest_first else p.version
        mine = select(consent_policies).where(p.account_id == account_id)
        query = mine.order_by(order).offset(start).limit(limit)
        return [_policy(row._mapping) for row in self._db.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name

    def add(self, account_id: str, policy: ConsentPolicy) -> None:
        """Insert the next version. Raises Busy if another request inserted it first."""
        values = {
            "account_id": account_id,
            "version": policy.version,
            "policy": encode_policy(policy),
            "changed_at": policy.changed_at,
            "changed_by": policy.changed_by,
        }
        if not insert_new(self._db, consent_policies, values):
            raise Busy("Another request changed the policy at the same time; retry.", retry_after=1)
        account_changed(self._db, account_id)


def objections_query(
    terms: Sequence[bytes], *, of_call: bool = False
) -> tuple[CompiledSelect, Mapping[str, bytes]]:
    """Return the query for the objections of these numbers, and its parameters except ``account_id``.

    With ``of_call`` also for those of the numbers of the call ``call_ref``.
    """
    return _objections_of(len(terms), of_call), {f"term_{place}": term for place, term in enumerate(terms)}


def objections_of(rows: Sequence[Mapping[str, Any]]) -> Sequence[ObjectionRow]:
    """Read the rows of that query."""
    return [_objection(row) for row in rows]


@cache
def _objections_of(count: int, of_call: bool) -> CompiledSelect:  # noqa: FBT001 - the key of a cache
    """Return the query for ``count`` numbers; a call has at most four: two numbers in two spellings each."""
    o, c = objections.c, call_terms.c
    account_id: BindParameter[str] = bindparam("account_id")
    given = [bindparam(f"term_{place}", type_=o.term.type) for place in range(count)]
    wanted: ColumnElement[bool] = o.term.in_(given)
    if of_call:
        # One set of both, because an index is used for each of its terms.
        stored = select(c.term).where(c.account_id == account_id, c.call_ref == bindparam("call_ref"))
        wanted = o.term.in_(stored.union_all(*(select(term) for term in given)) if given else stored)
    query = select(objections).where(o.account_id == account_id, wanted)
    return CompiledSelect(query.order_by(o.since, o.id))


def _objection(columns: Mapping[Any, Any]) -> ObjectionRow:
    objection = Objection(**{name: columns[name] for name in Objection.__slots__})
    same = {name: columns[name] for name in ObjectionRow.__slots__ if name != "objection"}
    return ObjectionRow(**same, objection=objection)


def _policy(columns: Mapping[Any, Any]) -> ConsentPolicy:
    return decode_policy(
        columns["policy"], version=columns["version"], at=columns["changed_at"], by=columns["changed_by"]
    )

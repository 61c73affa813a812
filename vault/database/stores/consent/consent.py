"""Consent events, objections, policies and pauses."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection as DbConnection
from sqlalchemy import bindparam, delete, insert, select, update

from vault.database.account_parts.consent_policies import consent_policy_of, row_of_consent_policy
from vault.database.account_parts.part import account_changed
from vault.database.schema.consent import (
    consent_events,
    consent_policies,
    pauses,
)
from vault.database.signals import Work, wake
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import database_now, insert_new, is_postgresql, sql_now
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.rows import Rows
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.stored.closing_content import ConsentRefusal
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
class Pause:
    """A call whose recording the provider must pause."""

    account_id: str
    connection_id: str
    call_ref: str
    #: Number of requests to the provider.
    attempts: int


class ConsentRows(Rows):
    """Consent events of calls, as append-only rows.

    They are kept when a recording is erased: a refusal also applies to recordings of the call that arrive later.
    """

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

    def refusal(self, consent_id: str | None) -> ConsentRefusal | None:
        """Return a party's refusal as a closing act stores it."""
        return refusal_of(self._db, consent_id)

    def calls(self, account_id: str, *, after: str, limit: int) -> Sequence[str]:
        """Return the calls of an account that have events, ordered by their names."""
        c = consent_events.c
        query = select(c.call_ref).where(c.account_id == account_id, c.call_ref > after).distinct()
        return self._db.execute(query.order_by(c.call_ref).limit(limit)).scalars().all()

    def forget(self, account_id: str, event_ids: Sequence[str]) -> None:
        """Delete events of a call, all of whose recordings are erased; never a refusal, which must outlive them."""
        c = consent_events.c
        self._db.execute(delete(consent_events).where(c.account_id == account_id, c.id.in_(event_ids)))


def refusal_of(db: DbConnection, consent_id: str | None) -> ConsentRefusal | None:
    """Return a party's refusal from its row; None if there is no row."""
    c = consent_events.c
    query = select(*(c[name] for name in ConsentRefusal.__slots__)).where(c.id == consent_id)
    row = db.execute(query).mappings().one_or_none()
    return None if row is None else ConsentRefusal(**row)


class PauseRows(Rows):
    """The calls whose recording the provider must pause, in one transaction."""

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
        due_call = self._db.execute(due).first()
        if due_call is None:
            return None
        taken = update(pauses).where(p.account_id == due_call.account_id, p.call_ref == due_call.call_ref)
        taken = taken.values(not_before=sql_now(self._db, pause), attempts=p.attempts + 1)
        row = self._db.execute(taken.returning(*(p[name] for name in Pause.__slots__))).one()
        wake(self._db, Work.PAUSE_RECORDINGS, after=pause)
        return Pause(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def done(self, pause: Pause) -> None:
        """Delete a call: its recording needs no further pause request."""
        p = pauses.c
        self._db.execute(delete(pauses).where(p.account_id == pause.account_id, p.call_ref == pause.call_ref))


class PolicyRows(Rows):
    """The versions of an account's consent policy."""

    def current(self, account_id: str) -> ConsentPolicy:
        """Return the newest version; the defaults, as version 0, if none was set."""
        row = _NEWEST_POLICY.first(self._db, account_id=account_id)
        return ConsentPolicy() if row is None else consent_policy_of(row)

    def history(
        self, account_id: str, *, start: int, limit: int, newest_first: bool = False
    ) -> Sequence[ConsentPolicy]:
        """Return a page of the versions after the first ``start``, oldest first unless ``newest_first``."""
        p = consent_policies.c
        order = p.version.desc() if newest_first else p.version
        mine = select(consent_policies).where(p.account_id == account_id)
        query = mine.order_by(order).offset(start).limit(limit)
        return [consent_policy_of(row) for row in self._db.execute(query).mappings()]

    def add(self, account_id: str, policy: ConsentPolicy) -> None:
        """Insert the next version. Raises Busy if another request inserted it first."""
        if not insert_new(self._db, consent_policies, row_of_consent_policy(account_id, policy)):
            raise Busy("Another request changed the policy at the same time; retry.", retry_after=1)
        account_changed(self._db, account_id)

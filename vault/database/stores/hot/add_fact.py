"""Adding a fact of a call, with the state that a decision on the call needs: on PostgreSQL one message.

The first fact of a call is what call starts and webhooks bring; its decision then needs no other read. Whatever needs
more (facts before it, objections, recordings past the gate) is only counted here, and read by those who need it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from vault.database.schema.calls import call_facts
from vault.database.schema.consent import notices
from vault.database.schema.core import moment, recordings
from vault.database.sql.compiled_statements import CompiledSelect, RowWriter
from vault.database.sql.dialect import call_lock_key, lock_key
from vault.database.sql.hot_text import HotText
from vault.database.stores.accounts.accounts import AccountRows
from vault.database.stores.calls.call_changes import CHANGE_NUMBER
from vault.database.stores.calls.call_facts import CallFactRow, CallFactRows
from vault.database.stores.consent.consent import ConsentRows, PolicyRows
from vault.database.stores.consent.objections import ObjectionRows
from vault.database.stores.requests.closures import ClosureRows
from vault.domain.accounts.account import Switch
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.stored.account_json import decode_policy
from vault.errors import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSource:
    """The recording whose announcement brought a fact: once its name is that of an erased one, nothing is added."""

    connection_id: str
    #: Keys that the recording may have.
    recording_refs: tuple[str, ...]
    #: Its call; None if a key is of one recording, whatever call is reported with it.
    call_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFact:
    """A fact to add."""

    row: CallFactRow
    #: Keyed hashes that find the call.
    terms: Sequence[bytes]
    #: A call with so many facts gets no further one.
    max_facts: int
    source: FactSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFact:
    """Whether the fact was added, and the state that the transaction saw."""

    #: False if it was there before, or if one of the reasons below forbids it.
    added: bool
    #: The delivery was stored before.
    is_duplicate: bool
    #: The fact was sealed under a retired version of the account's key.
    is_retired: bool
    #: A recording of the call is past the gate: the fact belongs into its evidence too.
    is_settled: bool
    #: The announced recording was erased.
    is_erased: bool
    #: The account is closed, or being closed.
    is_closed: bool
    #: Facts of the call before this one, and its consent events.
    facts: int
    consents: int
    #: Whether the account has an objection of one of the terms, in whatever spelling, and a published notice.
    is_objected: bool
    #: Whether the account has any objection in force.
    has_objections: bool
    has_notices: bool
    switch: Switch
    policy: ConsentPolicy
    locale: str


_LOCKS: Final = HotText(
    "SELECT pg_advisory_xact_lock_shared(:account_lock), pg_advisory_xact_lock(:call_lock)",
    account_lock="bigint",
    call_lock="bigint",
)
_FACT: Final = CallFactRow.__slots__
_WRITER: Final = RowWriter([call_facts.c[name] for name in _FACT])
_KINDS: Final = {
    **dict.fromkeys(
        ("id", "account_id", "call_ref", "delivery", "connection_id", "source_call_ref", "month_key"), "text"
    ),
    **dict.fromkeys(("at", "started_at", "ended_at", "key_version", "max_facts"), "bigint"),
    "sealed_facts": "bytea",
    "terms": "bytea[]",
    "recording_refs": "text[]",
}
_ADD: Final = HotText(
    f"""
WITH state AS (
    SELECT (SELECT max(version) FROM account_keys k WHERE k.account_id = a.id) IS DISTINCT FROM :key_version AS retired,
           (SELECT count(*) FROM call_facts f WHERE f.account_id = a.id AND f.call_ref = :call_ref) AS facts,
           (SELECT count(*) FROM consent_events c WHERE c.account_id = a.id AND c.call_ref = :call_ref) AS consents,
           EXISTS (SELECT 1 FROM call_facts f WHERE f.account_id = a.id AND f.delivery = :delivery) AS duplicate,
           EXISTS (SELECT 1 FROM recordings r WHERE r.account_id = a.id AND r.call_ref = :call_ref
                   AND r.state IN ('quarantined', 'available')) AS settled,
           coalesce((SELECT bool_or(r.state IN ('erasing', 'erased'))
                            AND coalesce(bool_and(r.state IN ('erasing', 'erased'))
                                         FILTER (WHERE r.connection_id = :connection_id), true)
                       FROM recordings r WHERE r.account_id = a.id AND r.call_ref = :call_ref
                        AND r.connection_id IN ('', :connection_id)
                        AND r.recording_ref = ANY(:recording_refs)), false)
           OR :source_call_ref IS NULL
           AND EXISTS (SELECT 1 FROM recordings r WHERE r.account_id = a.id AND r.connection_id = :connection_id
                       AND r.recording_ref = ANY(:recording_refs) AND r.state IN ('erasing', 'erased')) AS erased,
           NOT a.enabled AND EXISTS (SELECT 1 FROM person_requests q WHERE q.account_id = a.id AND q.kind = 'closure'
                   AND q.state IN ('executing', 'fulfilled')) AS closed,
           EXISTS (SELECT 1 FROM objections o WHERE o.account_id = a.id AND o.term = ANY(:terms))
           OR EXISTS (SELECT 1 FROM objection_terms o WHERE o.account_id = a.id AND o.term = ANY(:terms)) AS objected,
           EXISTS (SELECT 1 FROM objections o WHERE o.account_id = a.id AND o.until IS NULL) AS any_objection,
           EXISTS (SELECT 1 FROM notices n WHERE n.account_id = a.id AND n.status = 'published') AS notices,
           a.locale, a.enabled, a.epoch, a.changed_at, a.changed_by,
           p.policy, p.version, p.changed_at AS policy_changed_at, p.changed_by AS policy_changed_by
      FROM accounts a
      LEFT JOIN LATERAL (SELECT * FROM consent_policies WHERE account_id = a.id ORDER BY version DESC LIMIT 1) p ON true
     WHERE a.id = :account_id
), fact AS (
    INSERT INTO call_facts
        (id, account_id, call_ref, delivery, at, started_at, ended_at, sealed_facts, key_version, month_key)
    SELECT :id, :account_id, :call_ref, :delivery, :at, :started_at, :ended_at, :sealed_facts, :key_version, :month_key
      FROM state WHERE NOT (retired OR settled OR erased OR duplicate OR closed) AND facts < :max_facts
    ON CONFLICT DO NOTHING RETURNING id
), indexed AS (
    INSERT INTO call_terms (account_id, call_ref, term)
    SELECT DISTINCT :account_id, :call_ref, term FROM fact, unnest(:terms) AS n(term) ON CONFLICT DO NOTHING
), noted AS (
    INSERT INTO call_changes (account_id, call_ref, changed, erased)
    SELECT :account_id, :call_ref, {CHANGE_NUMBER}, false FROM fact, call_change_base
    ON CONFLICT (account_id, call_ref) DO UPDATE SET changed = excluded.changed, erased = excluded.erased
)
SELECT EXISTS (SELECT 1 FROM fact), state.* FROM state
""",  # noqa: S608 - constants
    **_KINDS,
)
_DUPLICATE: Final = CompiledSelect(
    select(call_facts.c.id).where(
        call_facts.c.account_id == bindparam("account_id"), call_facts.c.delivery == bindparam("delivery")
    )
)
_STATES: Final = CompiledSelect(
    select(recordings.c.state).where(
        recordings.c.account_id == bindparam("account_id"), recordings.c.call_ref == bindparam("call_ref")
    )
)
_OF_NAME: Final = CompiledSelect(
    select(recordings.c.state, recordings.c.connection_id).where(
        recordings.c.account_id == bindparam("account_id"),
        recordings.c.call_ref == bindparam("call_ref"),
        recordings.c.recording_ref == bindparam("recording_ref"),
    )
)
_BY_REF: Final = CompiledSelect(
    select(recordings.c.state).where(
        recordings.c.account_id == bindparam("account_id"),
        recordings.c.connection_id == bindparam("connection_id"),
        recordings.c.recording_ref == bindparam("recording_ref"),
    )
)
_PUBLISHED: Final = CompiledSelect(
    select(notices.c.id)
    .where(notices.c.account_id == bindparam("account_id"), notices.c.status == bindparam("status"))
    .limit(1)
)


def add_fact_steps(new: NewFact) -> list[tuple[HotText, Mapping[str, Any]]]:
    """Return the statements for PostgreSQL: the locks of account and call, then the insert and the state."""
    row = new.row
    values = _WRITER.written({name: getattr(row, name) for name in _FACT})
    source = new.source or FactSource(connection_id="", recording_refs=())
    values |= {"terms": new.terms, "max_facts": new.max_facts}
    values |= {"connection_id": source.connection_id, "recording_refs": list(source.recording_refs)}
    values |= {"source_call_ref": source.call_ref}
    locks = {
        "account_lock": lock_key(row.account_id),
        "call_lock": call_lock_key(row.account_id, row.call_ref),
    }
    return [(_LOCKS, locks), (_ADD, values)]


def added_fact(results: Sequence[Sequence[Sequence[Any]]]) -> AddedFact:
    """Return what ``add_fact_steps`` did. Raises NotFound."""
    if not results[1]:
        raise NotFound("There is no such account.")
    (
        added, retired, facts, consents, duplicate, settled, erased, closed, objected, has_objections,
        has_notices,
        locale, enabled, epoch, changed_at, changed_by, policy, version, policy_changed_at, policy_changed_by,
    ) = results[1][0]  # fmt: skip
    return AddedFact(
        added=added,
        is_duplicate=duplicate,
        is_retired=retired,
        is_settled=settled,
        is_erased=erased,
        is_closed=closed,
        facts=facts,
        consents=consents,
        is_objected=objected,
        has_objections=has_objections,
        has_notices=has_notices,
        switch=Switch(enabled=enabled, epoch=epoch, changed_at=moment(changed_at), changed_by=changed_by),
        policy=ConsentPolicy()
        if version is None
        else decode_policy(policy, version=version, at=moment(policy_changed_at), by=policy_changed_by),
        locale=locale,
    )


def add_fact_one(connection: Connection, new: NewFact) -> AddedFact:
    """Add the fact on SQLite. Raises NotFound."""
    row, rows, objections = new.row, CallFactRows(connection), ObjectionRows(connection)
    account = AccountRows(connection).find(row.account_id)
    if account is None:
        raise NotFound("There is no such account.")
    of_call = {"account_id": row.account_id, "call_ref": row.call_ref}
    facts = len(rows.of_call(**of_call))
    duplicate = _DUPLICATE.first(connection, account_id=row.account_id, delivery=row.delivery) is not None
    settled = any(one["state"] in {"quarantined", "available"} for one in _STATES.rows(connection, **of_call))
    retired = AccountRows(connection).current_key_version(row.account_id) != row.key_version
    erased = new.source is not None and _is_erased(connection, of_call, new.source)
    switch = AccountRows(connection).switch(row.account_id)
    # A closed account is switched off, so all others need no further read.
    closed = not switch.enabled and ClosureRows(connection).has_begun(row.account_id)
    forbidden = retired or settled or erased or duplicate or closed
    added = not forbidden and facts < new.max_facts and rows.add(row)
    if added:
        rows.index(row.account_id, row.call_ref, new.terms)
    published = _PUBLISHED.first(connection, account_id=row.account_id, status="published")
    return AddedFact(
        added=added,
        is_duplicate=duplicate,
        is_retired=retired,
        is_settled=settled,
        is_erased=erased,
        is_closed=closed,
        facts=facts,
        consents=len(ConsentRows(connection).of_call(row.account_id, row.call_ref)),
        is_objected=objections.any_of(row.account_id, new.terms),
        has_objections=objections.any_active(row.account_id),
        has_notices=published is not None,
        switch=switch,
        policy=PolicyRows(connection).current(row.account_id),
        locale=account.locale,
    )


def _is_erased(connection: Connection, of_call: Mapping[str, str], source: FactSource) -> bool:
    gone = {"erasing", "erased"}
    refs = source.recording_refs
    named = [row for ref in refs for row in _OF_NAME.rows(connection, **of_call, recording_ref=ref)]
    # What another connection had is another recording: this one's facts say more of the call.
    rows = [row for row in named if row["connection_id"] in {"", source.connection_id}]
    own = [row for row in rows if row["connection_id"] == source.connection_id]
    if any(row["state"] in gone for row in rows) and all(row["state"] in gone for row in own):
        return True
    if source.call_ref is not None:
        return False
    mine = {"account_id": of_call["account_id"], "connection_id": source.connection_id}
    others = [_BY_REF.first(connection, **mine, recording_ref=ref) for ref in refs]
    return any(row is not None and row["state"] in gone for row in others)

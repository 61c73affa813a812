"""The values that a decision on a recording needs of its call and account, as one statement of joined rows.

A recording that was fetched is decided on twice: before the fetch, and in the gate. Each reads the switch, the policy
and the rows of the call, and a statement for each of them would be most of what a recording costs the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, and_, bindparam, func, select, true

from vault.database.schema.account_keys import account_keys
from vault.database.schema.calls import call_facts, call_metadata
from vault.database.schema.card_data import recording_pauses
from vault.database.schema.consent import consent_events, consent_policies
from vault.database.schema.core import accounts
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import DatabaseNow
from vault.database.stores.calls.call_facts import ENTRIES_OF_CALL, CallFactRow
from vault.database.stores.rows import Rows
from vault.domain.accounts.account import Switch
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.stored.account_json import decode_policy
from vault.errors import NotFound

_ACCOUNT_ID: Final[BindParameter[str]] = bindparam("account_id")
_CALL_REF: Final[BindParameter[str]] = bindparam("call_ref")
_VERSIONS: Final = consent_policies.alias("versions")
_NEWEST: Final = (
    select(func.max(_VERSIONS.c.version))
    .where(_VERSIONS.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)
_ACCOUNT: Final = accounts.outerjoin(
    consent_policies,
    and_(consent_policies.c.account_id == accounts.c.id, consent_policies.c.version == _NEWEST),
)
_STATE: Final = (
    *(accounts.c[name] for name in Switch.__slots__),
    consent_policies.c.policy,
    consent_policies.c.version.label("policy_version"),
    consent_policies.c.changed_at.label("policy_changed_at"),
    consent_policies.c.changed_by.label("policy_changed_by"),
)
_CONSENTS: Final = (
    select(func.count())
    .select_from(consent_events)
    .where(consent_events.c.account_id == _ACCOUNT_ID, consent_events.c.call_ref == _CALL_REF)
    .scalar_subquery()
)
#: An account by ``account_id`` with the facts of its call ``call_ref``, one row for each fact: for ``Database.fetch``.
CALL: Final = CompiledSelect(
    select(
        *_STATE,
        accounts.c.locale,
        _CONSENTS.label("consents"),
        *(call_facts.c[name].label(f"fact_{name}") for name in CallFactRow.__slots__),
    )
    .select_from(
        _ACCOUNT.outerjoin(
            call_facts, and_(call_facts.c.account_id == accounts.c.id, call_facts.c.call_ref == _CALL_REF)
        )
    )
    .where(accounts.c.id == _ACCOUNT_ID)
    .order_by(call_facts.c.at, call_facts.c.id)
)
_ENTRIES: Final = ENTRIES_OF_CALL.subquery()
_KEY_VERSION: Final = (
    select(func.max(account_keys.c.version))
    .where(account_keys.c.account_id == accounts.c.id)
    .correlate(accounts)
    .scalar_subquery()
)
_HAS_METADATA: Final = (
    select(call_metadata.c.account_id)
    .where(call_metadata.c.account_id == _ACCOUNT_ID, call_metadata.c.call_ref == _CALL_REF)
    .exists()
)
_HAS_PAUSES: Final = (
    select(recording_pauses.c.id)
    .where(recording_pauses.c.account_id == _ACCOUNT_ID, recording_pauses.c.call_ref == _CALL_REF)
    .exists()
)
_GATE: Final = CompiledSelect(
    select(
        *_STATE,
        _HAS_METADATA.label("has_metadata"),
        _HAS_PAUSES.label("has_pauses"),
        _KEY_VERSION.label("key_version"),
        DatabaseNow().label("now"),
        _ENTRIES.c.id.label("entry_id"),
        _ENTRIES.c.is_fact.label("is_fact"),
    )
    .select_from(_ACCOUNT.outerjoin(_ENTRIES, true()))
    .where(accounts.c.id == _ACCOUNT_ID)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallState:
    """A call's facts, oldest first, with its account's switch and policy."""

    switch: Switch
    policy: ConsentPolicy
    locale: str
    facts: Sequence[CallFactRow]
    #: The number of its consent events.
    consents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GateState:
    """The input of the gate, except objections and the history of the switch."""

    switch: Switch
    policy: ConsentPolicy
    fact_ids: frozenset[str]
    #: The number of the call's consent events.
    consents: int
    #: Whether the call or a recording of it has metadata, which belongs into the manifest.
    has_metadata: bool
    #: Whether the recording of the call was paused.
    has_pauses: bool
    #: The newest version of the account's key.
    key_version: int | None
    #: The database's time.
    now: datetime


class CallStateRows(Rows):
    """The state of calls, in one transaction."""

    def at_gate(self, account_id: str, call_ref: str) -> GateState:
        """Return the state; the caller holds the locks of account and call. Raises NotFound."""
        rows = _GATE.rows(self._db, account_id=account_id, call_ref=call_ref)
        row = _first(rows)
        facts = frozenset(one["entry_id"] for one in rows if one["is_fact"])
        entries = sum(one["entry_id"] is not None for one in rows)
        return GateState(
            switch=_switch(row),
            policy=_policy(row),
            fact_ids=facts,
            consents=entries - len(facts),
            has_metadata=bool(row["has_metadata"]),
            has_pauses=bool(row["has_pauses"]),
            key_version=row["key_version"],
            now=row["now"],
        )


def read_call(rows: Sequence[Mapping[str, Any]]) -> CallState:
    """Read the rows of CALL. Raises NotFound."""
    row = _first(rows)
    facts = [
        CallFactRow(**{name: one[f"fact_{name}"] for name in CallFactRow.__slots__})
        for one in rows
        if one["fact_id"] is not None
    ]
    return CallState(
        switch=_switch(row), policy=_policy(row), locale=row["locale"], facts=facts, consents=row["consents"]
    )


def _first(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if not rows:
        raise NotFound("There is no such account.")
    return rows[0]


def _switch(row: Mapping[str, Any]) -> Switch:
    return Switch(**{name: row[name] for name in Switch.__slots__})


def _policy(row: Mapping[str, Any]) -> ConsentPolicy:
    if row["policy_version"] is None:
        return ConsentPolicy()
    at, by = row["policy_changed_at"], row["policy_changed_by"]
    return decode_policy(row["policy"], version=row["policy_version"], at=at, by=by)

"""The gate before each act that can need an approval, called in the transaction of the act.

Without an approval it asks the account's rule. With one it marks it as executed in the same transaction, so that the
act is done exactly once, also after a crash.
"""

import hmac
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.makers import MAX_MAKERS, NOT_KNOWN, add_makers
from vault.domain.accounts.roles import grants_of
from vault.domain.approvals.actor import SYSTEM, Actor, Name
from vault.domain.approvals.approval import Approval, ApprovalState, digest_of, ended, is_same_effect
from vault.domain.approvals.rule import RULES, Verb
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.moves.move import Phase
from vault.domain.sign_in.connection import OPERATORS, PersonRow
from vault.domain.sign_in.identity import identity_in
from vault.errors import ApprovalNeeded, EffectChanged, Refused
from vault.sentence import Sentence

#: What the ids of people begin with, and of connections to platforms.
_PERSON, _CONNECTION = "per_", "conn_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """An approval that is being carried out."""

    approval: Approval

    @property
    def account_id(self) -> str:
        """Return the account of the act."""
        return self.approval.account_id

    @property
    def actor(self) -> str:
        """Return who asked for the act, and so does it."""
        return self.approval.asked_by


class Rehearsal(Approved):
    """An act that is tried up to its gate, which raises Rehearsed: nothing of it is written."""


class Rehearsed(Exception):
    """What an act would do now, in numbers."""

    def __init__(self, effect: Mapping[str, int]) -> None:
        """Store the effect."""
        super().__init__("A rehearsal ends at the gate.")
        self.effect = dict(effect)


def require_approval(
    tx: Transaction,
    account_id: str,
    verb: Verb,
    approved: Approved | None,
    effect: Mapping[str, int],
    *,
    things: Iterable[str] | None = None,
) -> None:
    """Let an act pass, or raise. The caller holds the account's lock; ``effect`` is what the act would do now.

    ``things``: the ids of what it would be done to, and what else an approval must bind; without them the numbers.
    Raises ApprovalNeeded if the rule wants an approval and there is none. With one: Refused if it is not approved (any
    more), or if who asked or approved may not do so any more; EffectChanged if it was approved with another effect.
    In a Rehearsal always Rehearsed.
    """
    if isinstance(approved, Rehearsal):
        raise Rehearsed(effect)
    bound = [f"{name} {number}" for name, number in effect.items()] if things is None else things
    if approved is None:
        if tx.approval_rules.get(account_id).gates(verb):
            raise ApprovalNeeded(verb, effect, digest_of(bound))
        return
    given, now = approved.approval, tx.now()
    stored = tx.approvals.get(account_id, given.id)
    if stored is None or stored.kind != verb or not hmac.compare_digest(stored.digest, given.digest):
        raise Refused("It is not approved as it is now.", reasons=("not_approved",))
    if stored.at(now).state is not ApprovalState.APPROVED:
        raise Refused("It is not approved, or was executed already.", reasons=("not_approved",))
    for name in (stored.asked_by, stored.decided_by or ""):
        if not may(tx, name, account_id, RULES[verb].scope):
            text = "Who asked for it or approved it may not do so any more."
            raise Refused(text, reasons=("not_allowed_any_more",))
    effect_digest = digest_of(bound)
    if stored.decided_digest is not None and not is_same_effect(stored, effect, effect_digest):
        raise EffectChanged(effect, effect_digest)
    if not tx.approvals.change(ended(stored, ApprovalState.EXECUTED, now=now), was=stored):
        raise Refused("It was executed already.", reasons=("not_approved",))
    tx.events.append(event_of(stored, "approval.executed", tx, actor=stored.asked_by))


def may(tx: Transaction, name: str, account_id: str, scope: Scope) -> bool:
    """Return whether an actor has ``scope`` in this account now; a revoked key has no scope."""
    if name in SYSTEM:
        return True
    if name.startswith(_PERSON):
        return _person_may(tx, name, account_id, scope)
    found = tx.api_keys.find(name)
    if found is None:
        return False
    key, _ = found
    return key.revoked_at is None and key.account_id in {None, account_id} and key.allows(scope)


def require_authority(tx: Transaction, approval: Approval, name: str) -> None:
    """Raise Refused unless an actor may decide: with ``approvals:write`` and the scope of the act."""
    scopes: tuple[Scope, ...] = (RULES[approval.kind].scope, "approvals:write")
    for scope in scopes:
        if not may(tx, name, approval.account_id, scope):
            text = Sentence("To decide on this, a key needs the scope %(scope)s.", scope=scope)
            raise Refused(text, reasons=("scope",))


def actor_of(tx: Transaction, name: str, account_id: str) -> Actor:
    """Return an actor of the access log with who made its key, who made those, and so on."""
    if name in SYSTEM:
        return Actor(name=Name(kind="system", id=name))
    makers, is_cut = list[str](), False
    waiting = deque(_makers_of(tx, name, account_id))
    while waiting and not is_cut:
        maker = waiting.popleft()
        if maker in SYSTEM or maker in makers:
            continue
        is_cut = maker == NOT_KNOWN or len(makers) == MAX_MAKERS
        if not is_cut:
            makers.append(maker)
            waiting.extend(_makers_of(tx, maker, account_id))
    return Actor(
        name=_name(tx, name, account_id),
        made_by=tuple(_name(tx, one, account_id) for one in makers),
        is_cut=is_cut,
    )


def _name(tx: Transaction, name: str, account_id: str) -> Name:
    """Return a key or a person with the identity that the person has in this account, an operator too."""
    if not name.startswith(_PERSON):
        return Name(kind="key", id=name)
    person = _person(tx, account_id, name)
    if person is None:
        return Name(kind="person", id=name)
    identity = person.identity
    if identity is not None and person.account_id == OPERATORS:
        # Those of an account that came from another vault are by that vault's key: nothing says who is one human.
        move = tx.account_moves.of(account_id)
        has_come = move is not None and move.phase is Phase.ARRIVED
        identity = None if has_come else identity_in(identity, account_id)
    return Name(
        kind="person",
        id=name,
        connection=person.connection_id,
        identity=identity,
        is_invited=person.is_invited,
    )


def _makers_of(tx: Transaction, name: str, account_id: str) -> tuple[str, ...]:
    """Return who issued a key, or everybody who has set the connection that gives a person roles, or a platform's.

    Of an invited person, everybody who gave out an address at which the person makes a passkey, or a role.

    NOT_KNOWN once that connection is deleted: nobody knows any more who set it.
    """
    if name.startswith(_CONNECTION):
        platform = tx.connections.get(name)
        return (NOT_KNOWN,) if platform is None else platform.all_makers
    if not name.startswith(_PERSON):
        return add_makers((), tx.api_keys.creator_of(name))
    person = _person(tx, account_id, name)
    if person is not None and person.is_invited:
        return person.makers
    connection = None if person is None else tx.sign_in.get(person.connection_id or "")
    return (NOT_KNOWN,) if connection is None else connection.all_makers


def _person_may(tx: Transaction, name: str, account_id: str, scope: Scope) -> bool:
    """Return whether a person has the scope by the roles that the account gives now."""
    person = _person(tx, account_id, name)
    if person is None or person.removed_at is not None:
        return False
    roles = tx.sign_in.roles(person.account_id)
    scopes = grants_of([roles[one] for one in person.role_ids if one in roles]).scopes
    return "*" in scopes or scope in scopes


def _person(tx: Transaction, account_id: str, name: str) -> PersonRow | None:
    """Return a person of the account, or an operator."""
    return tx.people.get(account_id, name) or tx.people.get(OPERATORS, name)


def event_of(
    approval: Approval, kind: EventType, tx: Transaction, *, actor: str, sealed_detail: bytes | None = None
) -> AccessEvent:
    """Return an event of an approval."""
    return AccessEvent(
        type=kind,
        at=tx.now(),
        account_id=approval.account_id,
        actor=actor,
        result=approval.id,
        sealed_detail=sealed_detail,
    )

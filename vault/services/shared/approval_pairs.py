"""Who of an account can approve an act, and whether there are two people of whom one may ask and the other approve."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import grants_of
from vault.domain.approvals.actor import Actor, Barrier, barrier_between, is_independent
from vault.domain.approvals.approval import Approval
from vault.domain.approvals.rule import RULES, Verb
from vault.domain.sign_in.connection import OPERATORS
from vault.services.shared.approval_gate import actor_of

#: Rows of keys and of people that are read, and how many of those with a scope are compared.
_MAX_ROWS: Final = 100
_MAX_COMPARED: Final = 40
_WORKER: Final = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Who of an account has the scopes to approve an act that somebody asks for."""

    #: Who asks.
    asked_by: str
    #: The ids of the keys and people that can approve it.
    able: Sequence[str] = ()
    #: Those that have the scopes, and why they cannot.
    barred: Sequence[tuple[str, Barrier]] = ()
    #: False above the limits of what is compared: then neither is listed.
    is_known: bool = True


def approvers_of(tx: Transaction, account_id: str, verb: Verb, askers: Sequence[str]) -> Approvers:
    """Return who can approve an act of these askers, the first of whom asks; all of them stand behind it."""
    scope = RULES[verb].scope
    able = _able(tx, account_id, {scope})
    if able is None:
        return Approvers(asked_by=askers[0], is_known=False)
    asking = [actor_of(tx, one, account_id) for one in askers]
    can, cannot = list[str](), list[tuple[str, Barrier]]()
    for name, has in able.items():
        if name in askers or not {scope, "approvals:write"} <= has:
            continue
        barrier = first_barrier(asking, actor_of(tx, name, account_id))
        if barrier is None:
            can.append(name)
        else:
            cannot.append((name, barrier))
    return Approvers(asked_by=askers[0], able=can, barred=cannot)


def first_barrier(asking: Sequence[Actor], approves: Actor) -> Barrier | None:
    """Return why somebody cannot approve what these ask for; None if nothing stands against it."""
    found = (barrier_between(one, approves) for one in asking)
    return next((one for one in found if one is not None), None)


def behind(tx: Transaction, approval: Approval) -> Sequence[str]:
    """Return who asks, and for whom the worker asks: who reported the withdrawal cannot be the second person."""
    asked_by = approval.asked_by
    if approval.kind != "recording_erasure" or asked_by != _WORKER or approval.subject is None:
        return (asked_by,)
    pending = tx.pending_erasures.get(approval.subject)
    return (asked_by,) if pending is None else (asked_by, pending.actor)


def approvable(
    tx: Transaction, account_id: str, waiting: Sequence[Approval], actor: str
) -> Sequence[Approval]:
    """Return those of what waits that somebody with the scopes can approve, as far as that is known.

    Where a person of an earlier release has no identity yet, nothing is left out: its page fills that in.
    """
    if not waiting:
        return ()
    approves = actor_of(tx, actor, account_id)

    @cache
    def barrier(askers: tuple[str, ...]) -> Barrier | None:
        return first_barrier([actor_of(tx, one, account_id) for one in askers], approves)

    found = [(one, barrier(tuple(behind(tx, one)))) for one in waiting]
    if any(between is not None and between.kind == "not_known" for _, between in found) and any(
        tx.people.without_identity(one, after="", limit=1) for one in (account_id, OPERATORS)
    ):
        return [one for one, between in found if between is None or between.kind == "not_known"]
    return [one for one, between in found if between is None]


def acts_without_pair(tx: Transaction, account_id: str, verbs: Collection[Verb]) -> frozenset[Verb]:
    """Return those of these acts that no pair of the account's keys and people can ask for and approve.

    None are returned where that is not known: above the limits of what is compared, and while a person of an earlier
    release has no identity. The operator, who may approve alone, is nobody's second person.
    """
    scopes: frozenset[Scope] = frozenset(RULES[verb].scope for verb in verbs)
    able = _able(tx, account_id, scopes) if scopes else {}
    if able is None:
        return frozenset()

    @cache
    def actor(name: str) -> Actor:
        return actor_of(tx, name, account_id)

    @cache
    def is_pair(asks: str, approves: str) -> bool:
        return is_independent(actor(asks), actor(approves))

    def has_pair(scope: Scope) -> bool:
        asking = [name for name, has in able.items() if scope in has]
        return any(
            "approvals:write" in able[approves] and is_pair(asks, approves)
            for asks, approves in permutations(asking, 2)
        )

    without = {scope for scope in scopes if not has_pair(scope)}
    return frozenset(verb for verb in verbs if RULES[verb].scope in without)


def _able(tx: Transaction, account_id: str, scopes: Collection[Scope]) -> dict[str, frozenset[Scope]] | None:
    """Return who has which of these scopes, and of ``approvals:write``; None where not all can be compared."""
    keys = tx.api_keys.page(account_id, limit=_MAX_ROWS, newest_first=True)
    people = tx.people.page(account_id, before=None, limit=_MAX_ROWS)
    if _MAX_ROWS in {len(keys), len(people)}:
        return None
    asked: frozenset[Scope] = frozenset({*scopes, "approvals:write"})
    roles = tx.sign_in.roles(account_id)
    able: dict[str, frozenset[Scope]] = {
        key.id: frozenset(one for one in asked if key.allows(one)) for key in keys if key.revoked_at is None
    }
    for person in people:
        given = grants_of([roles[one] for one in person.role_ids if one in roles]).scopes
        has = asked if "*" in given else asked & given
        if person.removed_at is None:
            able[person.id] = has
            if has and person.identity is None and not person.is_invited:
                return None
    able = {name: has for name, has in able.items() if has}
    return able if len(able) <= _MAX_COMPARED else None

"""Whether an account has two people of whom one may ask for an act and the other approve it."""

from collections.abc import Collection
from functools import cache
from itertools import permutations
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import grants_of
from vault.domain.approvals.actor import Actor, is_independent
from vault.domain.approvals.rule import RULES, Verb
from vault.services.shared.approval_gate import actor_of

#: Rows of keys and of people that are read, and how many of those with a scope are compared.
_MAX_ROWS: Final = 100
_MAX_COMPARED: Final = 40


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

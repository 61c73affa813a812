"""Withdraw access of people again, in a restored database that lacks an event by which they lost it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.sign_in.connection import OPERATORS


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAccess:
    """An event of ENDS."""

    kind: str
    #: The connection, the mapping, the person or the session that ended.
    id: str
    #: None for operators.
    account_id: str | None
    at: datetime
    #: The human whom a removal means; None in events of earlier releases.
    identity: str | None = None

    @property
    def place(self) -> str:
        """Return the account in whose place the people are."""
        return self.account_id or OPERATORS


def end_access(tx: Transaction, lost: LostAccess) -> None:
    """Repeat the effect of an event; idempotent."""
    ENDS[lost.kind](tx, lost)


def _delete_sign_in(tx: Transaction, lost: LostAccess) -> None:
    # A new connection with the same name has another id.
    tx.sign_in.delete(lost.id)
    tx.person_sessions.apply_roles(lost.place)


def _revoke_role(tx: Transaction, lost: LostAccess) -> None:
    # The same value and role, mapped again later, has another id.
    tx.sign_in.revoke(lost.id)
    tx.person_sessions.apply_roles(lost.place)


def _remove_member(tx: Transaction, lost: LostAccess) -> None:
    tx.people.remove(lost.place, lost.id, lost.at, identity=lost.identity)
    tx.person_sessions.end(lost.id, lost.at)
    # The same human by another connection, of whose removal this database knows nothing.
    for other in tx.people.same(lost.place, lost.identity) if lost.identity else ():
        tx.people.remove(lost.place, other.id, lost.at)
        tx.person_sessions.end(other.id, lost.at)


def _end_session(tx: Transaction, lost: LostAccess) -> None:
    tx.console_sessions.end(lost.id, lost.at)


#: By the type of the event.
ENDS: Final[Mapping[str, Callable[[Transaction, LostAccess], None]]] = {
    "sign_in.deleted": _delete_sign_in,
    "role.revoked": _revoke_role,
    "member.removed": _remove_member,
    "console.ended": _end_session,
}

"""Withdraw access of people again, in a restored database that lacks an event by which they lost it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.sign_in.connection import OPERATORS


def end_access(tx: Transaction, kind: str, id_: str, account_id: str | None, at: datetime) -> None:
    """Repeat the effect of an event of ENDS; idempotent. ``account_id``: None for operators.

    ``id_`` names the connection, the mapping, the person or the session that ended.
    """
    ENDS[kind](tx, id_, account_id or OPERATORS, at)


def _delete_sign_in(tx: Transaction, connection_id: str, account_id: str, _at: datetime) -> None:
    # A new connection with the same name has another id.
    tx.sign_in.delete(connection_id)
    tx.person_sessions.apply_roles(account_id)


def _revoke_role(tx: Transaction, mapping_id: str, account_id: str, _at: datetime) -> None:
    # The same value and role, mapped again later, has another id.
    tx.sign_in.revoke(mapping_id)
    tx.person_sessions.apply_roles(account_id)


def _remove_member(tx: Transaction, person_id: str, account_id: str, at: datetime) -> None:
    tx.people.remove(account_id, person_id, at)
    tx.person_sessions.end(person_id, at)


def _end_session(tx: Transaction, session_id: str, _account_id: str, at: datetime) -> None:
    tx.console_sessions.end(session_id, at)


#: By the type of the event.
ENDS: Final[Mapping[str, Callable[[Transaction, str, str, datetime], None]]] = {
    "sign_in.deleted": _delete_sign_in,
    "role.revoked": _revoke_role,
    "member.removed": _remove_member,
    "console.ended": _end_session,
}

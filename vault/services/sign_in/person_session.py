"""Begin the console session of a person with what the person's roles give now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import MAX_LENGTH, ConsoleSession
from vault.domain.accounts.roles import grants_of
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import PersonRow, account_of

#: How long the row of a session is kept after its end.
_KEPT: Final = timedelta(days=1)


def session_of(person: PersonRow, now: datetime, *, sid: str | None = None) -> ConsoleSession:
    """Return a new session, so far without scopes."""
    return ConsoleSession(
        id=new_id("cons"),
        account_id=account_of(person.account_id),
        key_id=None,
        person_id=person.id,
        sid=sid,
        scopes=frozenset(),
        created_at=now,
        last_used_at=now,
        ends_at=now + MAX_LENGTH,
        ended_at=None,
        verified_at=now,
    )


def insert_session(
    tx: Transaction, person: PersonRow, session: ConsoleSession, secret_hash: bytes
) -> ConsoleSession:
    """Insert a session with the scopes of the person's roles, and return it. The caller holds the account's lock."""
    roles = tx.sign_in.roles(person.account_id)
    given = grants_of([roles[one] for one in person.role_ids if one in roles])
    begun = replace(session, scopes=given.scopes, limits=given.limits)
    tx.console_sessions.forget(session.created_at - _KEPT)
    tx.console_sessions.insert(begun, secret_hash)
    return begun

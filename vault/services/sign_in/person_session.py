"""Begin the console session of a person with what the person's roles give now."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import MAX_LENGTH, ConsoleSession
from vault.domain.accounts.roles import grants_of
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import PersonRow, account_of
from vault.domain.sign_in.provisioning import Provisioning
from vault.domain.sign_in.refusals import SignInRefused
from vault.errors import Refused

#: How long the row of a session is kept after its end.
_KEPT: Final = timedelta(days=1)


def session_of(
    person: PersonRow, now: datetime, *, verified_at: datetime | None, sid: str | None = None
) -> ConsoleSession:
    """Return a new session, so far without scopes. ``verified_at``: when the person proved it, if that is known."""
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
        verified_at=verified_at,
    )


def require_provisioned(tx: Transaction, person: PersonRow, setting: Provisioning | None) -> None:
    """Raise SignInRefused for one whom the directory of the connection does not name as active.

    So who is not told at all has no access either, and a wrong ``externalId`` lets nobody stay. Whom the directory has
    ended comes in by no other connection.
    """
    told = tx.provisioned_users.of_identity(person.account_id, person.identity or "")
    is_governed = setting is not None and setting.connection_id == person.connection_id
    if (told or is_governed) and not any(one.is_active for one in told):
        raise SignInRefused("not_provisioned")


def require_untold(tx: Transaction, account_id: str, connection_id: str) -> None:
    """Raise Refused for another issuer of a connection whose people a directory tells: they are known by the issuer."""
    setting = tx.provisioning.get(account_id)
    if setting is not None and setting.connection_id == connection_id:
        text = "A directory tells who the people of this connection are. Delete the provisioning first."
        raise Refused(text, reasons=("provisioned_already",), field="issuer")


def open_session(
    tx: Transaction, session_id: str | None, person_id: str, now: datetime
) -> ConsoleSession | None:
    """Return a session that is open and this person's, until the end of the transaction; None for any other."""
    locked = None if session_id is None else tx.console_sessions.lock(session_id)
    if locked is None or locked.session.person_id != person_id or not locked.session.is_open(now):
        return None
    return locked.session


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

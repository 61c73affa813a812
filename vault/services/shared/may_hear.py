"""Who may hear a recording at the console: decided in the transaction that opens it, and again when a role goes.

The other rules of who may hear: scopes of keys in ``vault/web/http/auth.py``, purposes and states in
``playback/link_request.py``, and what still holds while audio plays in ``Link.plays`` with its form in SQL.
"""

from datetime import datetime

from vault.database.stores.recordings.recordings import terms_of
from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.accounts.roles import Grants
from vault.domain.recordings.recording import Recording, State
from vault.errors import NotAuthentic, NotFound


def may_hear(tx: Transaction, recording: Recording, given: Grants | ConsoleSession) -> bool:
    """Return whether somebody with these grants could listen at the console now: the rule of its pages."""
    if recording.state is State.QUARANTINED and given.agents_for("quarantine:listen") is not None:
        return False
    agents = given.agents_for("links:write")
    if not agents:
        return agents is None
    return not agents.isdisjoint(term.hex() for term in terms_of(tx.connection, recording))


def require_may_hear(tx: Transaction, recording: Recording, session_id: str, now: datetime) -> None:
    """Raise unless a console session may listen; until the end of the transaction nothing takes that away.

    So whatever takes it away afterwards finds the link that the transaction inserts. Raises NotAuthentic if the
    session is over or its API key revoked, NotFound if its roles do not allow it (any more).
    """
    found = tx.console_sessions.lock(session_id)
    if found is None or found.key_is_dead or not found.session.is_open(max(now, tx.now())):
        raise NotAuthentic("This session is over. Sign in again.")
    session = found.session
    if session.account_id not in {None, recording.account_id} or not may_hear(tx, recording, session):
        raise NotFound("There is no such recording.")

"""Authenticate a session by the id in its path and the secret in its cookie."""

import hmac
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.playback.hot_reads import SESSION, SessionWithLink, read_session
from vault.domain.ids import Token
from vault.domain.playback.link import SessionState, session_state
from vault.errors import NotFound


async def authenticate_session(
    database: Database, session_id: str, secret: str, now: datetime, address: str | None
) -> tuple[SessionWithLink, SessionState]:
    """Check the secret; return the session and its status. Raises NotFound."""
    found = read_session(await database.fetch(SESSION, id=session_id))
    expected = found.secret_hash if found else Token("").digest
    same = hmac.compare_digest(Token(secret).digest, expected)
    if found is None or not same:
        raise NotFound("This session is not valid. Open the link again.")
    # As in ``clock_skew``: it ends as soon as either clock says so.
    now = max(now, found.now)
    return found, session_state(found.session, found.link, found.recording, address=address, now=now)

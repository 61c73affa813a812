"""The event of a console session that somebody else than its person ends."""

from datetime import datetime
from typing import Literal

from vault.domain.audit_log.access_event import AccessEvent

EndReason = Literal["removed", "provider_logout"]


def session_ended(
    account_id: str, session_id: str, actor: str, at: datetime, reason: EndReason
) -> AccessEvent:
    """Return the event, which is a closing act."""
    return AccessEvent(
        type="console.ended",
        at=at,
        account_id=account_id,
        actor=actor,
        session_id=session_id,
        result=reason,
    )

"""Log console sessions that another actor than their person ended, and stop the audio that plays in them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from vault.database.stores.sign_in.person_sessions import EndedSession
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.sign_in.connection import account_of
from vault.services.shared.revoke_links import stop_listening

EndReason = Literal["removed", "provider_logout", "ended", "deactivated"]


def log_ends(
    tx: Transaction,
    account_id: str,
    ended: Sequence[EndedSession],
    *,
    actor: str,
    at: datetime,
    reason: EndReason,
) -> None:
    """Log sessions that were just ended, each a closing act, and end the audio of their people."""
    for session in ended:
        tx.events.append(
            AccessEvent(
                type="console.ended",
                at=at,
                account_id=account_of(account_id),
                actor=actor,
                session_id=session.id,
                result=reason,
            )
        )
    for person_id in sorted({session.person_id for session in ended}):
        stop_listening(tx, account_id, person_id, at=at, actor=actor, reason=reason)

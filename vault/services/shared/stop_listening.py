"""End what a person hears at the console: the sessions of links that were made to be opened at once."""

from datetime import datetime

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent


def stop_listening(
    tx: Transaction, account_id: str, person_id: str, *, at: datetime, actor: str, reason: str
) -> None:
    """Revoke the links that a person opened at the console, which ends the audio with its next window.

    Links that the person made for others stay. ``reason`` is that of the console session's end.
    """
    for link in tx.person_sessions.listening(account_id, person_id, at):
        tx.links.revoke(link.id, at)
        tx.events.append(
            AccessEvent(
                type="link.revoked",
                at=at,
                account_id=account_id,
                actor=actor,
                recording_id=link.recording_id,
                link_id=link.id,
                result=reason,
            )
        )

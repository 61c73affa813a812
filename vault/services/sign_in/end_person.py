"""End everything by which a person who left can hear or do anything, in the transaction of its caller."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from vault.database.stores.playback.links import LinkFilter
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import MAX_LIFETIME
from vault.domain.sign_in.connection import account_of
from vault.services.shared.revoke_links import revoke_links, stop_key, stop_listening
from vault.services.sign_in.session_ends import log_ends

_REASON: Final = "deactivated"


def end_person(
    tx: Transaction, account_id: str, identity: str, *, at: datetime, actor: str, with_links: bool
) -> None:
    """End console sessions, what is heard in them, API keys and addresses that make somebody else of the person.

    With ``with_links`` the links for others end too.
    The person is known by whatever connection he came. A key that a key of the person made ends with it, and so on: who
    has the first one may have the others. The caller holds the account's exclusive lock.
    """
    people = tx.people.same(account_id, identity)
    made_by = [person.id for person in people]
    for person in people:
        # What the person asked for or approved is not carried out any more; the next sign-in gives roles again.
        tx.people.give(person, ())
    for person_id in made_by:
        ended = tx.person_sessions.end(person_id, at)
        log_ends(tx, account_id, ended, actor=actor, at=at, reason=_REASON)
        # Also what is heard in a session that was over by itself.
        stop_listening(tx, account_id, person_id, at=at, actor=actor, reason=_REASON)
    made_by += _revoke_keys(tx, account_id, made_by, at=at, actor=actor)
    issued = tx.member_invitations.open_by(account_id, made_by, at)
    end_invitations(tx, account_id, issued, at=at, actor=actor)
    if with_links and made_by:
        links = LinkFilter(made_by=tuple(made_by), may_play=True, made_from=at - MAX_LIFETIME)
        revoke_links(tx, account_id, links, at=at, actor=actor, reason=_REASON)


def end_invitations(
    tx: Transaction, account_id: str, invitation_ids: Sequence[str], *, at: datetime, actor: str
) -> None:
    """End addresses of which whoever has one becomes the person it is for."""
    for invitation_id in invitation_ids:
        if tx.member_invitations.end(account_id, invitation_id, at):
            tx.events.append(
                AccessEvent(
                    type="invitation.ended",
                    at=at,
                    account_id=account_of(account_id),
                    actor=actor,
                    result=invitation_id,
                )
            )


def _revoke_keys(
    tx: Transaction, account_id: str, makers: list[str], *, at: datetime, actor: str
) -> list[str]:
    """Revoke the keys that somebody issued, and those issued with these; return all of them."""
    revoked: list[str] = []
    while makers and (keys := tx.api_keys.issued_by(account_id, makers)):
        for key_id in keys:
            tx.api_keys.revoke(key_id, at)
            stop_key(tx, key_id, at=at, actor=actor)
            tx.events.append(
                AccessEvent(type="key.revoked", at=at, account_id=account_id, actor=actor, result=key_id)
            )
        revoked += keys
        makers = list(keys)
    return revoked

"""Revoke links, with an event for each: their sessions end with their next window."""

from datetime import datetime

from vault.database.stores.playback.links import LinkFilter
from vault.database.stores.sign_in.person_sessions import HeardLink
from vault.database.transaction import Transaction
from vault.domain.accounts.roles import grants_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Link
from vault.domain.playback.link_key import LinkCut, LinkKey
from vault.services.shared.may_hear import may_hear


def revocation(
    account_id: str, link: Link | HeardLink, *, at: datetime, actor: str, reason: str | None = None
) -> AccessEvent:
    """Return the event of a revoked link."""
    return AccessEvent(
        type="link.revoked",
        at=at,
        account_id=account_id,
        actor=actor,
        recording_id=link.recording_id,
        link_id=link.id,
        result=reason,
    )


def revoke_links(
    tx: Transaction,
    account_id: str,
    wanted: LinkFilter,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
) -> int:
    """Revoke the links of an account that a filter matches; return how many."""
    revoked = tx.links.revoke_all(account_id, wanted, at)
    for link in revoked:
        tx.events.append(revocation(account_id, link, at=at, actor=actor, reason=reason))
    return len(revoked)


def cut_links(tx: Transaction, cut: LinkCut, *, but_for_restricted: bool = False) -> None:
    """Refuse links minted before the time of a cut. The caller holds a lock for which minting a link waits."""
    tx.link_keys.cut(cut, but_for_restricted=but_for_restricted)
    tx.events.append(
        AccessEvent(
            type="link.cut",
            at=cut.created_at,
            account_id=cut.account_id,
            actor=cut.created_by,
            result=cut.id,
            recording_id=cut.value if cut.target == "recording" else None,
        )
    )


def delete_link_key(tx: Transaction, key: LinkKey, *, at: datetime, actor: str) -> None:
    """Delete a key that signs links, and revoke what it signed; and those with the same public key, if there are any.

    The caller holds the account's exclusive lock.
    """
    same = tx.link_keys.same(key)
    tx.link_keys.delete(key.id, at)
    for one in same:
        tx.events.append(
            AccessEvent(
                type="link_key.deleted",
                at=at,
                account_id=one.account_id,
                actor=actor,
                result=one.id,
                subject=one.name,
            )
        )


def stop_listening(
    tx: Transaction, account_id: str, person_id: str, *, at: datetime, actor: str, reason: str
) -> None:
    """Revoke the links that a person opened at the console, which ends the audio with its next window.

    ``account_id``: OPERATORS for an operator, whose links are of any account.
    Links that the person made for others stay. ``reason`` is that of the console session's end.
    """
    for link in tx.person_sessions.listening(account_id, at, person_id):
        _stop(tx, link, at=at, actor=actor, reason=reason)


def stop_session(tx: Transaction, session_id: str, *, at: datetime, actor: str, reason: str) -> None:
    """Revoke the links that were opened in a console session, which ends the audio with its next window."""
    for link in tx.person_sessions.heard_in(session_id):
        _stop(tx, link, at=at, actor=actor, reason=reason)


def stop_key(tx: Transaction, key_id: str, *, at: datetime, actor: str) -> None:
    """Revoke the links that were opened in the console sessions of an API key, which is just revoked.

    Links that the key made at REST stay.
    """
    for link in tx.person_sessions.heard_with_key(key_id):
        _stop(tx, link, at=at, actor=actor, reason="key_revoked")


def apply_roles(
    tx: Transaction, account_id: str, person_id: str | None = None, *, at: datetime, actor: str
) -> None:
    """Give an account's people, or one, what their roles give now: in open sessions, and in what they hear.

    Audio that a person may not listen to any more ends with its next window. The caller holds the account's lock.
    """
    tx.person_sessions.apply_roles(account_id, person_id)
    heard = tx.person_sessions.listening(account_id, at, person_id)
    roles = tx.sign_in.roles(account_id) if heard else {}
    for link in heard:
        given = grants_of([roles[one] for one in link.role_ids if one in roles])
        recording = tx.recordings.get(link.account_id, link.recording_id)
        # Without one, its stream ends by itself.
        if recording is not None and not may_hear(tx, recording, given):
            _stop(tx, link, at=at, actor=actor, reason="role_taken")


def _stop(tx: Transaction, link: HeardLink, *, at: datetime, actor: str, reason: str) -> None:
    tx.links.revoke(link.id, at)
    tx.events.append(revocation(link.account_id, link, at=at, actor=actor, reason=reason))

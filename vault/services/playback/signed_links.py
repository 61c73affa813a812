"""Signed links: find what a permission opens, and turn it into a link when it is first used.

``verify_link_token.py`` checks the signature, with the key of ``domain/playback/link_key.py``, before.
A valid signature only proves what the signer wants. The vault's own data decides: the row of the key, not
the cached key, and its limits; the recording, which must be the account's own and playable; cuts; and whether the token
was used before. The link ends when its token does (``exp``, ``domain/playback/signed_token.py``): ``check_limits`` of
``link_key.py`` bounds that, and ``Link.is_expired`` says whether it is over. All of it is checked twice: before a page
is shown, and under the account's lock when the permission becomes a link. From then on it is a link like the vault's
own: sessions, their number, revocation and the log are the same. A cut or the deletion of a key takes that lock
exclusively and revokes such links, which ends their sessions.
"""

import hmac
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.playback.hot_reads import LinkWithRecording
from vault.database.stores.playback.signed_links import PermissionQuery, SignedLinkState, read_signed_link
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.playback.link import Link, plays_without_right
from vault.domain.playback.link_key import LinkKey, check_limits, link_of
from vault.domain.playback.signed_token import BadToken, Permission
from vault.domain.stored import encryption_context as bound
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey, KeyRing
from vault.rfc3339 import write_rfc3339
from vault.sealing.message import seal
from vault.services.playback.verify_link_token import LinkTokenVerifier
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import name_term
from vault.services.shared.end_listening import require_open
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLink(LinkWithRecording):
    """The link that a permission is, or will be when it is first used."""

    key: LinkKey
    #: Whether it was used before, so that the link is in the database.
    is_stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedLinks:
    """Find and admit signed links."""

    database: Database
    verifier: LinkTokenVerifier
    ring: KeyRing
    data_keys: AccountDataKeys
    clock: Clock

    async def find(self, permission: Permission) -> SignedLink:
        """Return the link of a permission, which may have expired. Changes nothing. Raises NotFound."""
        try:
            return await self.examine(permission)
        except BadToken as error:
            raise self.verifier.refused(error) from None

    async def examine(self, permission: Permission) -> SignedLink:
        """Return the link of a permission, which may have expired. Raises BadToken, which no listener is told."""
        asked, term = await self._asked(permission)
        found = read_signed_link(await self.database.fetch(asked.select, **asked.values))
        return _checked(found, permission, term, self.clock())

    async def admit(self, permission: Permission, token: str, call_ref: str) -> None:
        """Turn a permission into a link when it is first used, with its event.

        The event has the digest of the token, and the token itself in its sealed detail. With the customer's public
        key it proves that the customer's backend, not the vault, let this listener in.

        ``call_ref``: the recording's call. Raises NotFound.
        """
        account_id = await self.verifier.account_of(permission.key_id)
        await retry_if_rotated(
            self.ring, account_id, lambda key: self._admit(key, account_id, permission, token, call_ref)
        )

    async def _admit(
        self, key: AccountKey, account_id: str, permission: Permission, token: str, call_ref: str
    ) -> None:
        asked, term = await self._asked(permission)
        event_id, listener = new_id("evt"), permission.listener or ""
        sealed = seal(key.key, bound.of_listener(account_id, permission.link_id), listener.encode())
        ends = write_rfc3339(permission.expires_at)
        detail = {"listener": listener, "token": token, "token_expires_at": ends}
        event = AccessEvent(
            id=event_id,
            type="link.created",
            at=self.clock(),
            account_id=account_id,
            actor=permission.key_id,
            link_id=permission.link_id,
            permission=permission.digest.hex(),
            sealed_detail=await self.data_keys.seal_detail(account_id, event_id, detail),
        )

        def insert(tx: Transaction) -> None:
            # What ends all listening to the recording holds these locks too, and cuts what was minted before.
            tx.lock_account_and_call(account_id, call_ref)
            require_open(tx, account_id)
            found = _checked(tx.link_keys.signed(asked), permission, term, event.at)
            link = replace(found.link, sealed_listener=sealed, key_version=key.version)
            if found.is_stored or link.is_expired(max(found.now, event.at)):
                return  # The open that follows refuses an expired one, and logs it.
            if tx.links.insert_signed(link, permission.digest):
                tx.events.append(replace(event, recording_id=link.recording_id))
            else:
                # Another node was first. Under its row, the same token or another one with this ``jti``.
                _checked(tx.link_keys.signed(asked), permission, term, event.at)

        try:
            await self.database.write(insert)
        except BadToken as error:
            raise self.verifier.refused(error) from None

    async def _asked(self, permission: Permission) -> tuple[PermissionQuery, bytes]:
        account_id = await self.verifier.account_of(permission.key_id)
        index_key = await self.data_keys.index_key(account_id)
        term = name_term(index_key, "listener", permission.listener or "")
        return PermissionQuery.of(permission, term), term


def _checked(found: SignedLinkState | None, permission: Permission, term: bytes, now: datetime) -> SignedLink:
    """Return the link. Raises BadToken unless key, recording and cuts allow it and the token is that of the link."""
    if found is None:
        raise BadToken("recording")
    known = found.recording
    check_limits(permission, found.key, max(now, known.now))
    if found.is_cut or (found.link is not None and found.link.revoked_at is not None):
        raise BadToken("cut")
    if not plays_without_right(known.recording):
        raise BadToken("recording")
    if found.token_hash is not None and not hmac.compare_digest(found.token_hash, permission.digest):
        raise BadToken("reused")
    link = _link(permission, found, term)
    if found.link is not None:
        # The key's networks may be narrower than when it was first used.
        link = replace(found.link, networks=link.networks)
    return SignedLink(
        key=found.key,
        link=link,
        is_stored=found.link is not None,
        recording=known.recording,
        keys=known.keys,
        now=known.now,
    )


def _link(permission: Permission, found: SignedLinkState, term: bytes) -> Link:
    return link_of(permission, found.key, found.recording.recording.id, listener_term=term)

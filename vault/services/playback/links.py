"""Time-limited links to a recording: create, list, revoke."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.playback.links import LinkFilter
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import Token, new_id
from vault.domain.page import PAGE
from vault.domain.playback.link import (
    MAX_LIFETIME,
    MAX_SESSIONS,
    MIN_LIFETIME,
    Link,
    Session,
    check_networks,
)
from vault.domain.playback.own_token import TokenKey
from vault.domain.stored import encryption_context as bound
from vault.errors import Invalid, NotFound
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import seal
from vault.services.admission.number_terms import CallTerms
from vault.services.playback.link_request import LinkRequest, require_playable
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.encrypted_fields import name_term, open_listener
from vault.services.shared.end_listening import Listening, end_listening, require_open
from vault.services.shared.may_hear import require_may_hear
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_if_rotated
from vault.services.shared.revoke_links import revocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Create, list and revoke time-limited links to recordings."""

    database: Database
    ring: KeyRing
    call_terms: CallTerms
    data_keys: AccountDataKeys
    clock: Clock
    token_key: TokenKey

    async def create(
        self, account_id: str, recording_id: str, request: LinkRequest, *, actor: str
    ) -> tuple[Link, Token]:
        """Create a link. Its token is only in the response; it is not stored.

        Return the link and its token. Raises Invalid, NotFound, RecordingErased, Refused; NotAuthentic if the console
        session in which it is made is over.
        """
        _check(request)
        return await retry_if_rotated(
            self.ring, account_id, lambda key: self._create(key, account_id, recording_id, request, actor)
        )

    async def _create(
        self, key: AccountKey, account_id: str, recording_id: str, request: LinkRequest, actor: str
    ) -> tuple[Link, Token]:
        token, event_id = self.token_key.new_token(), new_id("evt")
        link = await self._link(key, account_id, recording_id, request, actor)
        detail = {"listener": request.listener}
        if request.purpose_text is not None:
            detail["purpose"] = request.purpose_text
        event = AccessEvent(
            id=event_id,
            type="link.created",
            at=link.created_at,
            account_id=account_id,
            actor=actor,
            recording_id=recording_id,
            link_id=link.id,
            result=request.purpose,
            sealed_detail=await self.data_keys.seal_detail(account_id, event_id, detail),
        )

        def insert(tx: Transaction) -> Link:
            tx.lock_account(account_id)
            require_open(tx, account_id)
            found = tx.recordings.get(account_id, recording_id)
            if found is not None:
                # What ends all listening to the recording holds it too, and revokes what was minted before.
                tx.lock_call(account_id, found.call_ref)
                found = tx.recordings.get(account_id, recording_id)
            recording = require_playable(found, request)
            if request.console_session_id is not None:
                require_may_hear(tx, recording, request.console_session_id, link.created_at)
            # By the database's clock, which all nodes share.
            created = replace(link, expires_at=tx.now() + request.life)
            tx.links.insert(created, token.digest, console_session_id=request.console_session_id)
            tx.events.append(event)
            return created

        return await self.database.write(insert), token

    async def _link(
        self, key: AccountKey, account_id: str, recording_id: str, request: LinkRequest, actor: str
    ) -> Link:
        link_id, now = new_id("link"), self.clock()
        return Link(
            id=link_id,
            account_id=account_id,
            recording_id=recording_id,
            kind=request.kind,
            created_by=actor,
            created_at=now,
            expires_at=now + request.life,
            sessions=request.sessions,
            networks=tuple(request.networks),
            download=request.download,
            revoked_at=None,
            listener_term=name_term(
                await self.call_terms.index_key(account_id), "listener", request.listener
            ),
            sealed_listener=seal(key.key, bound.of_listener(account_id, link_id), request.listener.encode()),
            key_version=key.version,
            purpose=request.purpose,
            plays_restricted=request.plays_restricted,
        )

    async def list(
        self,
        account_id: str,
        recording_id: str,
        *,
        before: tuple[datetime, str] | None = None,
        limit: int = PAGE,
    ) -> Sequence[tuple[Link, str]]:
        """Return a page of a recording's links and the names of their listeners, newest first. Raises NotFound."""
        mine = LinkFilter(recording_id=recording_id)

        def find(tx: Transaction) -> Sequence[Link]:
            if tx.recordings.get(account_id, recording_id) is None:
                raise NotFound("There is no such recording.")
            return tx.links.page(account_id, mine, before=before, limit=limit)

        return [
            (link, await open_listener(self.ring, link))
            async for link in paced(await self.database.read(find))
        ]

    async def page(
        self,
        account_id: str,
        *,
        listener: str | None,
        open_at: datetime | None,
        agents: Collection[str] | None = None,
        before: tuple[datetime, str] | None,
        limit: int,
        made_from: datetime | None = None,
        made_to: datetime | None = None,
    ) -> Sequence[tuple[Link, str]]:
        """Return a page of an account's links, newest first.

        Filtered by listener, by openable at ``open_at``, and by when they were made: from the first time, before the
        second. With ``agents``, keyed hashes in hexadecimal, only links to recordings of these agents.
        """
        term = await listener_term(self.call_terms, account_id, listener)
        wanted = LinkFilter(
            listener=term,
            open_at=open_at,
            terms=None if agents is None else tuple(bytes.fromhex(one) for one in agents),
            made_from=made_from,
            made_to=made_to,
        )
        found = await self.database.read(
            lambda tx: tx.links.page(account_id, wanted, before=before, limit=limit)
        )
        return [(link, await open_listener(self.ring, link)) async for link in paced(found)]

    async def sessions(self, account_id: str, link_ids: Sequence[str]) -> Mapping[str, Sequence[Session]]:
        """Return the sessions that links opened, by link, the newest first; pass at most some hundred links."""
        found: dict[str, list[Session]] = {}
        for session in await self.database.read(lambda tx: tx.links.sessions_of(account_id, link_ids)):
            found.setdefault(session.link_id, []).append(session)
        return found

    async def revoke(self, account_id: str, recording_id: str, link_id: str, *, actor: str) -> None:
        """Revoke a link, which also ends its sessions at their next window.

        A repeated call changes nothing. Raises NotFound.
        """
        now = self.clock()

        def revoke(tx: Transaction) -> None:
            link = tx.links.get(account_id, link_id)
            if link is None or link.recording_id != recording_id:
                raise NotFound("There is no such link.")
            if link.revoked_at is not None:
                tx.closing_acts.recall(account_id, "link.revoked", link_id)
                return
            # What takes the account to another vault waits, or this does and is refused.
            tx.lock_account(account_id)
            tx.links.revoke(link_id, now)
            tx.events.append(revocation(account_id, link, at=now, actor=actor))

        await self.database.write(revoke)

    async def revoke_all(
        self, account_id: str, *, recording_id: str | None, listener: str | None, actor: str
    ) -> int:
        """Revoke every link of a recording, of a listener, or of the account, with one event for each.

        Where customers sign links, one cut refuses those that were signed until now, by a clock that is ahead too, and
        that nobody has opened yet; a listener of one recording alone cannot be cut, so with both named there is none.
        Return how many links were revoked. Raises NotFound for an unknown recording.
        """
        term = await listener_term(self.call_terms, account_id, listener)
        now = self.clock()
        what = Listening(
            recording_ids=None if recording_id is None else [recording_id],
            listener=term,
            sealed_listener=await self.data_keys.seal_words(account_id, "link-cut", listener),
        )

        def revoke(tx: Transaction) -> int:
            tx.lock_account(account_id, exclusive=True)
            if recording_id is not None and tx.recordings.get(account_id, recording_id) is None:
                raise NotFound("There is no such recording.")
            # An earlier attempt may have revoked some of them, so recall every such act of the account.
            tx.closing_acts.recall(account_id, "link.revoked")
            return end_listening(tx, account_id, what, at=now, actor=actor)

        return await self.database.write(revoke)


async def listener_term(call_terms: CallTerms, account_id: str, listener: str | None) -> bytes | None:
    """Return the keyed hash by which a listener's links are found."""
    if listener is None:
        return None
    return name_term(await call_terms.index_key(account_id), "listener", listener)


def _check(request: LinkRequest) -> None:
    if not MIN_LIFETIME <= request.life <= MAX_LIFETIME:
        raise Invalid("expires_in must be between 1 and 86400 seconds.", field="expires_in")
    if not 1 <= request.sessions <= MAX_SESSIONS:
        raise Invalid(f"sessions must be between 1 and {MAX_SESSIONS}.", field="sessions")
    check_networks(request.networks)

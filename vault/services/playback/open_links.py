"""Open links: check revocation, expiry, sessions left and network, open a session, and find or resume it.

``Link.is_expired`` (vault/domain/playback/link.py) is the check. It is made here before a page is shown, and in the
transaction that opens the session (vault/database/stores/hot/open_sessions.py).
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from vault.database.interface import Database
from vault.database.stores.hot.open_sessions import NO_LINK, NewSession
from vault.database.stores.playback.hot_reads import (
    LINK,
    LinkWithRecording,
    SessionWithLink,
    read_link,
)
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import Token, new_id
from vault.domain.playback.link import (
    Link,
    LinkState,
    Session,
    SessionState,
    link_state,
    session_length,
    session_state,
)
from vault.domain.playback.signed_token import Permission
from vault.domain.recordings.recording import Recording
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.services.playback.authenticate_session import authenticate_session
from vault.services.playback.closing_sessions import ClosingSessions
from vault.services.playback.session_allowance import Allowance, RecentSessions, SessionAddresses
from vault.services.playback.signed_links import SignedLink, SignedLinks
from vault.services.playback.verify_link_token import LinkTokenVerifier
from vault.services.shared.account_data_keys import AccountDataKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """The result of opening a link: the session, and the secret for its cookie."""

    session: Session
    secret: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLinks:
    """Open links, and find, check and resume the sessions that they open."""

    database: Database
    clock: Clock
    data_keys: AccountDataKeys
    allowance: Allowance
    addresses: SessionAddresses
    recent: RecentSessions
    verifier: LinkTokenVerifier
    signed: SignedLinks
    closing: ClosingSessions

    async def is_forged(self, token: str) -> bool:
        """Return whether a token is certainly invalid. Reads nothing, except a key that was not seen before."""
        return await self.verifier.is_forged(token)

    async def preview_link(self, token: str, *, address: str | None) -> Link:
        """Check whether a link can be opened now. Changes nothing, so link scanners and previews do not use it up.

        Return the link. Raises NotFound, the same for every reason.
        """
        found = await self._find(token)
        _check(found, self.clock(), address)
        return found.link

    async def open(self, token: str, *, nonce: str, address: str | None, agent: str) -> OpenedLink:
        """Open a link. The event is in the log's tree before the session can be used.

        The nonce is an idempotency key: a retry with the same nonce returns the same session with a new secret.

        Return the session. Raises NotFound, also if the link's sessions are used up; a denial is logged.

        Raises Unavailable if the event does not get into the tree in time; then no session is created.
        """
        now, secret, session_id = self.clock(), Token.new(), new_id("sess")
        permission = await self.verifier.check(token)
        found = await self._found(token, permission)
        if isinstance(found, SignedLink) and permission is not None and not found.is_stored:
            await self.signed.admit(permission, token, found.recording.call_ref)
        link, portion = found.link, self.allowance.portion()
        detail = {"address": address or "", "user_agent": agent[:200]}
        new = NewSession(
            session_id=session_id,
            link=link,
            token_hash=Token(token).digest,
            length=session_length(found.recording.duration),
            secret_hash=secret.digest,
            nonce_hash=Token(nonce).digest,
            permitted=link.permits_address(address),
            log_entries=portion,
            event=await self._event(link, session_id, now, detail, permission),
        )
        opened = await self.database.open_session(new)
        if opened is None:
            raise NotFound(NO_LINK)
        if opened.id == session_id:
            self.allowance.begin(session_id, portion)
            self.addresses.note(session_id, address)
        return OpenedLink(session=opened, secret=secret)

    async def _find(self, token: str) -> LinkWithRecording:
        """Return a link that is not revoked, with its playable recording. Raises NotFound."""
        return await self._found(token, await self.verifier.check(token))

    async def _found(self, token: str, permission: Permission | None) -> LinkWithRecording:
        """Return the link of a token that the verifier has checked."""
        if permission is not None:
            return await self.signed.find(permission)
        found = read_link(await self.database.fetch(LINK, token_hash=Token(token).digest))
        if found is None or not found.is_good:
            raise NotFound(NO_LINK)
        return found

    async def _event(
        self,
        link: Link,
        session_id: str,
        now: datetime,
        detail: Mapping[str, str],
        permission: Permission | None,
    ) -> AccessEvent:
        event_id = new_id("evt")
        return AccessEvent(
            type="playback.open",
            id=event_id,
            at=now,
            account_id=link.account_id,
            actor=link.id,
            recording_id=link.recording_id,
            link_id=link.id,
            session_id=session_id,
            permission=None if permission is None else permission.digest.hex(),
            sealed_detail=await self.data_keys.seal_detail(link.account_id, event_id, detail),
        )

    async def find(
        self, session_id: str, secret: str, *, address: str | None = None, agent: str = ""
    ) -> SessionWithLink:
        """Authenticate a session by the id in its path and the secret in its cookie, for a client at ``address``.

        Return the session, its link and its recording. Raises NotFound, the same for every reason; one from outside the
        link's networks is logged.
        """
        found, status = await authenticate_session(self.database, session_id, secret, self.clock(), address)
        if status == "elsewhere":
            await self._log_denial(found, {"address": address or "", "user_agent": agent[:200]})
        if status != "open":
            raise NotFound("This session has ended. Open the link again.")
        return found

    async def find_to_play(
        self, session_id: str, secret: str, *, address: str | None, agent: str
    ) -> SessionWithLink:
        """Do as ``find``, but for a moment from memory: only for bytes that are granted, which reads it again."""
        known = self.recent.get(session_id, secret)
        if known is not None:
            state = session_state(
                known.session, known.link, known.recording, address=address, now=self.clock()
            )
            if state == "open":
                return known
        found = await self.find(session_id, secret, address=address, agent=agent)
        self.recent.keep(secret, found)
        return found

    async def _log_denial(self, found: SessionWithLink, detail: Mapping[str, str]) -> None:
        session, event_id = found.session, new_id("evt")
        if not self.addresses.is_denial_to_log(session.id, detail["address"]):
            return
        event = AccessEvent(
            type="playback.denied",
            id=event_id,
            at=self.clock(),
            account_id=session.account_id,
            actor=session.id,
            recording_id=session.recording_id,
            link_id=session.link_id,
            session_id=session.id,
            result="elsewhere",
            sealed_detail=await self.data_keys.seal_detail(session.account_id, event_id, detail),
        )
        await self.database.append_soon(event)

    async def state(
        self, session_id: str, secret: str, *, address: str | None = None
    ) -> tuple[SessionWithLink, SessionState]:
        """Return a session and its status to the holder of its cookie; nobody else learns why it ended.

        Raises NotFound without the right secret.
        """
        return await authenticate_session(self.database, session_id, secret, self.clock(), address)

    async def state_within(
        self, session_id: str, secret: str, *, address: str | None, wait: timedelta, ended: Awaitable[object]
    ) -> tuple[SessionWithLink, SessionState]:
        """Do as ``state``, as soon as the session is not open, after ``wait``, or when ``ended``.

        At once while too many requests wait.
        """
        until = monotonic() + wait.total_seconds()
        found, state = await self.state(session_id, secret, address=address)
        has_news = True
        while has_news and state == "open" and (left := until - monotonic()) > 0:
            has_news = await self.closing.until_changed(found, seconds=left, ended=ended)
            found, state = await self.state(session_id, secret, address=address)
        return found, state

    async def resume(
        self, token: str, held: Mapping[str, str], *, address: str | None = None
    ) -> tuple[Session, SessionState] | None:
        """Find a link's session that a browser already holds, so that a page reload does not open another.

        Return one of the link's sessions and its status, preferably an open one.

        ``held`` maps session ids to secrets. None if no secret is right, so an attacker learns nothing.
        """
        if not held:
            return None
        try:
            await self.verifier.check(token, held=True)
        except NotFound:
            return None
        digest, found = Token(token).digest, None
        link = read_link(await self.database.fetch(LINK, token_hash=digest))
        for session_id, secret in held.items() if link is not None else ():
            try:
                known, status = await authenticate_session(
                    self.database, session_id, secret, self.clock(), address
                )
            except NotFound:
                continue
            if link is not None and known.link.id == link.link.id:
                found = known.session, status
                if status == "open":
                    break
        return found

    async def link_state(self, token: str, *, address: str | None) -> LinkState:
        """Return whether a link opens a session now, and if not, why.

        Only for a client that holds one of its sessions (``resume``): to all others every dead link looks the same.
        Raises NotFound if there is no such link.
        """
        found = read_link(await self.database.fetch(LINK, token_hash=Token(token).digest))
        if found is None:
            raise NotFound(NO_LINK)
        sessions = await self.database.read(lambda tx: tx.links.count_sessions(found.link.id))
        now = max(found.now, self.clock())
        return link_state(found.link, found.recording, sessions=sessions, address=address, now=now)

    async def open_media(self, token: str, *, address: str | None, agent: str) -> tuple[Session, Recording]:
        """Open a media link's only session at the first GET, and find it at every later one.

        Return the session and its recording. Raises NotFound, the same for every reason.
        """
        link, recording, session = await self._playable(token, address)
        if session is None:
            session = (await self.open(token, nonce=link.id, address=address, agent=agent)).session
        return session, recording

    async def preview_media(self, token: str, *, address: str | None) -> tuple[Link, Recording]:
        """Return the recording a GET would play; opens no session. Raises NotFound, the same for every reason."""
        link, recording, _ = await self._playable(token, address)
        return link, recording

    async def _playable(self, token: str, address: str | None) -> tuple[Link, Recording, Session | None]:
        """Return a link that can be played now, with its session if it has one. Raises NotFound."""
        found = await self._find(token)
        link = found.link
        if link.kind != "media":
            # A player link's session belongs to the holder of its cookie.
            raise NotFound(NO_LINK)
        session = await self.database.read(lambda tx: tx.links.session_of_link(link.id))
        if session is None:
            _check(found, self.clock(), address)
        elif session.ends_at <= max(found.now, self.clock()) or not link.permits_address(address):
            raise NotFound(NO_LINK)
        return link, found.recording, session


def _check(found: LinkWithRecording, now: datetime, address: str | None) -> None:
    # As in ``clock_skew``: it expires as soon as either clock says so.
    if found.link.is_expired(max(now, found.now)) or not found.link.permits_address(address):
        raise NotFound(NO_LINK)

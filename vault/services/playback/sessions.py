"""Playback sessions: open a link, preview it without opening, find or resume its session."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import Token, new_id
from vault.domain.playback.link import Link, Session, SessionState, session_length, session_state
from vault.domain.recordings.recording import Recording, State
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.clock_skew import later

_NO_LINK = "This link is not valid. Ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """The result of opening a link: the session, and the secret for its cookie."""

    session: Session
    secret: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Open links, and find, check and resume the sessions that they open."""

    database: Database
    clock: Clock
    data_keys: AccountDataKeys

    async def preview_link(self, token: str, *, address: str | None) -> Link:
        """Check whether a link can be opened now. Changes nothing, so link scanners and previews do not use it up.

        Return the link. Raises NotFound, the same for every reason.
        """
        digest = Token(token).digest
        link, _, now = await self.database.read(lambda tx: (*_find(tx, digest), later(tx, self.clock())))
        _check(link, now, address)
        return link

    async def open(self, token: str, *, nonce: str, address: str | None, agent: str) -> OpenedLink:
        """Open a link. The event is in the log's tree before the session can be used.

        The nonce is an idempotency key: a retry with the same nonce returns the same session with a new secret.

        Return the session. Raises NotFound, also if the link's sessions are used up; a denial is logged.

        Raises Unavailable if the event does not get into the tree in time; then no session is created.
        """
        now, digest, secret, session_id = self.clock(), Token(token).digest, Token.new(), new_id("sess")
        link, _ = await self.database.read(lambda tx: _find(tx, digest))
        event = await self._event(link, now, {"address": address or "", "user_agent": agent[:200]})

        def open_it(tx: Transaction) -> Session | None:
            link, recording = _find(tx, digest)
            opened: Session | None = None
            good = not link.is_expired(later(tx, now)) and link.permits_address(address)
            if good and _is_good(link, recording):
                hashes = {"secret_hash": secret.digest, "nonce_hash": Token(nonce).digest}
                session = _session_of(link, recording, session_id, tx.now())
                opened = tx.links.open_session(session, **hashes)
            if opened is None:
                denied = replace(event, type="playback.denied", result="used_up" if good else "not_valid")
                tx.events.append(denied)
            elif opened.id == session_id:
                # A resumed session already has its event.
                tx.events.append(replace(event, session_id=opened.id))
                tx.tree.settle()
            return opened

        opened = await self.database.write(open_it)
        if opened is None:
            raise NotFound(_NO_LINK)
        return OpenedLink(session=opened, secret=secret)

    async def _event(self, link: Link, now: datetime, detail: Mapping[str, str]) -> AccessEvent:
        event_id = new_id("evt")
        return AccessEvent(
            type="playback.open",
            id=event_id,
            at=now,
            account_id=link.account_id,
            actor=link.id,
            recording_id=link.recording_id,
            link_id=link.id,
            sealed_detail=await self.data_keys.seal_detail(link.account_id, event_id, detail),
        )

    async def find(self, session_id: str, secret: str) -> tuple[Session, Recording]:
        """Authenticate a session by the id in its path and the secret in its cookie.

        Return the session and its recording. Raises NotFound, the same for every reason.
        """
        session, status, recording = await _authenticated(self.database, session_id, secret, self.clock())
        if status != "open":
            raise NotFound("This session has ended. Open the link again.")
        return session, recording

    async def state(self, session_id: str, secret: str) -> tuple[Session, SessionState]:
        """Return a session and its status to the holder of its cookie; nobody else learns why it ended.

        Raises NotFound without the right secret.
        """
        session, status, _ = await _authenticated(self.database, session_id, secret, self.clock())
        return session, status

    async def resume(self, token: str, held: Mapping[str, str]) -> tuple[Session, SessionState] | None:
        """Find a link's session that a browser already holds, so that a page reload does not open another.

        Return one of the link's sessions and its status, preferably an open one.

        ``held`` maps session ids to secrets. None if no secret is right, so an attacker learns nothing.
        """
        digest, found = Token(token).digest, None
        link = await self.database.read(lambda tx: tx.links.by_token(digest)) if held else None
        for session_id, secret in held.items() if link is not None else ():
            try:
                session, status, _ = await _authenticated(self.database, session_id, secret, self.clock())
            except NotFound:
                continue
            if link is not None and session.link_id == link.id:
                found = session, status
                if status == "open":
                    break
        return found

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
        digest = Token(token).digest
        link, recording = await self.database.read(lambda tx: _find(tx, digest))
        if link.kind != "media":
            # A player link's session belongs to the holder of its cookie.
            raise NotFound(_NO_LINK)
        session, now = await self.database.read(
            lambda tx: (tx.links.session_of_link(link.id), later(tx, self.clock()))
        )
        if session is None:
            _check(link, now, address)
        elif session.ends_at <= now or not link.permits_address(address):
            raise NotFound(_NO_LINK)
        return link, recording, session


def _find(tx: Transaction, digest: bytes) -> tuple[Link, Recording]:
    link = tx.links.by_token(digest)
    recording = tx.recordings.get(link.account_id, link.recording_id) if link else None
    if link is None or recording is None or not _is_good(link, recording):
        raise NotFound(_NO_LINK)
    return link, recording


async def _authenticated(
    database: Database, session_id: str, secret: str, now: datetime
) -> tuple[Session, SessionState, Recording]:
    """Check the secret; return the session, its status and its recording. Raises NotFound."""
    found, recording, link, at = await database.read(lambda tx: (*_session(tx, session_id), later(tx, now)))
    expected = found[1] if found else Token("").digest
    same = hmac.compare_digest(Token(secret).digest, expected)
    if found is None or recording is None or link is None or not same:
        raise NotFound("This session is not valid. Open the link again.")
    return found[0], session_state(found[0], link, recording, now=at), recording


def _session(
    tx: Transaction, session_id: str
) -> tuple[tuple[Session, bytes] | None, Recording | None, Link | None]:
    found = tx.links.session(session_id)
    if found is None:
        return None, None, None
    session = found[0]
    recording = tx.recordings.get(session.account_id, session.recording_id)
    return found, recording, tx.links.get(session.account_id, session.link_id)


def _session_of(link: Link, recording: Recording, session_id: str, begun: datetime) -> Session:
    return Session(
        id=session_id,
        account_id=link.account_id,
        recording_id=link.recording_id,
        link_id=link.id,
        opened_at=begun,
        ends_at=begun + session_length(recording.duration),
    )


def _is_good(link: Link, recording: Recording) -> bool:
    return link.revoked_at is None and recording.state is State.AVAILABLE and not recording.restricted


def _check(link: Link, now: datetime, address: str | None) -> None:
    if link.is_expired(now) or not link.permits_address(address):
        raise NotFound(_NO_LINK)

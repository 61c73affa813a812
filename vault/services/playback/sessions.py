"""Opening a link, and looking at one without opening it."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import Token, new_id
from vault.domain.playback.link import Link, Session, Standing, may_open, session_length, standing
from vault.domain.recordings.recording import Recording, State
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.clock_skew import later

_NO_LINK = "This link is not valid. Ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """A link that was opened: the session, and the secret for its cookie."""

    session: Session
    secret: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLink:
    """Say whether a link could be opened now. Changes nothing: scanners and previews do this."""

    database: Database
    clock: Clock

    async def __call__(self, token: str, *, address: str | None) -> Link:
        """Return the link. Raises NotFound, the same for every reason."""
        digest = Token(token).digest
        link, _, now = await self.database.read(lambda tx: (*_find(tx, digest), later(tx, self.clock())))
        _check(link, now, address)
        return link


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLink:
    """Open a link: the event is in the log's tree before the session exists for anyone.

    The nonce makes a lost answer repeatable: the same one gives the same session, with a new secret.
    """

    database: Database
    carried: AccountDataKeys
    clock: Clock

    async def __call__(self, token: str, *, nonce: str, address: str | None, agent: str) -> OpenedLink:
        """Return the session. Raises NotFound, also when the link's sessions are used up; then on record.

        Raises Unavailable when the event does not come into the tree in time; then there is no session.
        """
        now, digest, secret, session_id = self.clock(), Token(token).digest, Token.new(), new_id("sess")
        link, _ = await self.database.read(lambda tx: _find(tx, digest))
        event = await self._event(link, now, {"address": address or "", "user_agent": agent[:200]})

        def open_it(tx: Transaction) -> Session | None:
            link, recording = _find(tx, digest)
            opened: Session | None = None
            good = _in_time(link, later(tx, now)) and may_open(link.networks, address)
            if good and _is_good(link, recording):
                hashes = {"secret_hash": secret.digest, "nonce_hash": Token(nonce).digest}
                session = _session_of(link, recording, session_id, tx.now())
                opened = tx.links.open_session(session, **hashes)
            if opened is None:
                denied = replace(event, type="playback.denied", result="used_up" if good else "not_valid")
                tx.events.append(denied)
            elif opened.id == session_id:
                # A session that was there already has its event.
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
            sealed_detail=await self.carried.seal_detail(link.account_id, event_id, detail),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSession:
    """Turn the session in a path and the secret in its cookie into the session."""

    database: Database
    clock: Clock

    async def __call__(self, session_id: str, secret: str) -> tuple[Session, Recording]:
        """Return the session and its recording. Raises NotFound, the same for every reason."""
        session, how, recording = await _proven(self.database, session_id, secret, self.clock())
        if how != "open":
            raise NotFound("This session has ended. Open the link again.")
        return session, recording


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSessionState:
    """Say how a session stands, to the one who holds its cookie: nobody else is told why it ended."""

    database: Database
    clock: Clock

    async def __call__(self, session_id: str, secret: str) -> tuple[Session, Standing]:
        """Return the session and how it stands. Raises NotFound without the right secret."""
        session, how, _ = await _proven(self.database, session_id, secret, self.clock())
        return session, how


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeSession:
    """Find a session of a link that a browser holds already, so that looking again opens no other."""

    database: Database
    clock: Clock

    async def __call__(self, token: str, held: Mapping[str, str]) -> tuple[Session, Standing] | None:
        """Return one of the link's sessions and how it stands, an open one if there is one.

        ``held`` are secrets by the ids of their sessions. None if no secret is right: a stranger learns nothing.
        """
        digest, found = Token(token).digest, None
        link = await self.database.read(lambda tx: tx.links.by_token(digest)) if held else None
        for session_id, secret in held.items() if link is not None else ():
            try:
                session, how, _ = await _proven(self.database, session_id, secret, self.clock())
            except NotFound:
                continue
            if link is not None and session.link_id == link.id:
                found = session, how
                if how == "open":
                    break
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMediaLink:
    """Open a media link's one session at the first GET, and find it again at every later one."""

    database: Database
    clock: Clock
    open_link: OpenLink

    async def __call__(self, token: str, *, address: str | None, agent: str) -> tuple[Session, Recording]:
        """Return the session and its recording. Raises NotFound, the same for every reason."""
        link, recording, session = await self._good(token, address)
        if session is None:
            session = (await self.open_link(token, nonce=link.id, address=address, agent=agent)).session
        return session, recording

    async def look(self, token: str, *, address: str | None) -> tuple[Link, Recording]:
        """Return what a GET would play, and open nothing. Raises NotFound, the same for every reason."""
        link, recording, _ = await self._good(token, address)
        return link, recording

    async def _good(self, token: str, address: str | None) -> tuple[Link, Recording, Session | None]:
        """Return a link that plays now, with its session if it was opened. Raises NotFound."""
        digest = Token(token).digest
        link, recording = await self.database.read(lambda tx: _find(tx, digest))
        if link.kind != "media":
            # A player link's session is for the one who holds its cookie.
            raise NotFound(_NO_LINK)
        session, now = await self.database.read(
            lambda tx: (tx.links.session_of_link(link.id), later(tx, self.clock()))
        )
        if session is None:
            _check(link, now, address)
        elif session.ends_at <= now or not may_open(link.networks, address):
            raise NotFound(_NO_LINK)
        return link, recording, session


def _find(tx: Transaction, digest: bytes) -> tuple[Link, Recording]:
    link = tx.links.by_token(digest)
    recording = tx.recordings.get(link.account_id, link.recording_id) if link else None
    if link is None or recording is None or not _is_good(link, recording):
        raise NotFound(_NO_LINK)
    return link, recording


async def _proven(
    database: Database, session_id: str, secret: str, now: datetime
) -> tuple[Session, Standing, Recording]:
    """Return a session whose secret was shown, how it stands, and its recording. Raises NotFound."""
    found, recording, link, at = await database.read(lambda tx: (*_session(tx, session_id), later(tx, now)))
    expected = found[1] if found else Token("").digest
    same = hmac.compare_digest(Token(secret).digest, expected)
    if found is None or recording is None or link is None or not same:
        raise NotFound("This session is not valid. Open the link again.")
    return found[0], standing(found[0], link, recording, now=at), recording


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


def _in_time(link: Link, now: datetime) -> bool:
    return link.expires_at > now


def _check(link: Link, now: datetime, address: str | None) -> None:
    if not _in_time(link, now) or not may_open(link.networks, address):
        raise NotFound(_NO_LINK)

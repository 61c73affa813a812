"""Playback links and their sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, func, insert, or_, select, update

from vault.database.schema.access_log import tree_head, unsettled_sessions
from vault.database.schema.core import links, sessions
from vault.database.sql.dialect import DatabaseNow, database_now, insert_new
from vault.database.stores.current_key_check import refuse_retired
from vault.database.stores.recordings.recording_filter import matching_recordings
from vault.database.stores.rows import Rows
from vault.domain.playback.link import Link, Session, log_entries_allowed
from vault.errors import NotFound

# Every played range runs these; building them each time would take longer than running them.
_LINK = select(links).where(links.c.id == bindparam("id"), links.c.account_id == bindparam("account_id"))
_SESSION = select(sessions).where(sessions.c.id == bindparam("id"))
# The size of the log at its last commit: events of a session opened now can only be at later indexes.
_LOG_SIZE = select(tree_head.c.size).scalar_subquery()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFilter:
    """A filter on an account's links. None means any."""

    recording_id: str | None = None
    #: Keyed hash of the listener's name.
    listener: bytes | None = None
    #: Only links that are neither expired at this moment nor revoked.
    open_at: datetime | None = None
    #: Only links to recordings with one of these keyed hashes.
    terms: tuple[bytes, ...] | None = None
    #: Made at or after the first, and before the second.
    made_from: datetime | None = None
    made_to: datetime | None = None
    #: Only links that are not revoked, and that can be opened or have a session that is not over.
    may_play: bool = False
    #: Only links that do not play a restricted recording.
    but_for_restricted: bool = False
    #: Only links that one of these keys or people made.
    made_by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsettledSession:
    """An ended session whose missing end events are not written yet."""

    session_id: str
    account_id: str
    recording_id: str
    #: The log index to read from: the log's size when the session was opened, or the last ``read_until``.
    log_size: int


class LinkRows(Rows):
    """The links and sessions of one transaction."""

    def insert(self, link: Link, token_hash: bytes, *, console_session_id: str | None = None) -> None:
        """Insert a link; ``console_session_id``: the session whose holder alone opens it. Raises KeyRetired."""
        refuse_retired(self._db, link.account_id, link.key_version)
        values = {name: getattr(link, name) for name in Link.__slots__}
        values |= {"networks": list(link.networks), "token_hash": token_hash}
        values |= {"console_session_id": console_session_id}
        self._db.execute(insert(links).values(values))

    def insert_signed(self, link: Link, token_hash: bytes) -> bool:
        """Insert the link that a signed permission becomes; False if another node was first. Raises KeyRetired."""
        refuse_retired(self._db, link.account_id, link.key_version)
        values = {name: getattr(link, name) for name in Link.__slots__}
        values |= {"networks": list(link.networks), "token_hash": token_hash}
        return bool(insert_new(self._db, links, values))

    def get(self, account_id: str, link_id: str) -> Link | None:
        """Return an account's link."""
        row = self._db.execute(_LINK, {"id": link_id, "account_id": account_id}).first()
        return None if row is None else link_of(row)

    def of_recording(self, account_id: str, recording_id: str) -> Sequence[Link]:
        """Return a recording's links, newest first."""
        mine = (links.c.account_id == account_id) & (links.c.recording_id == recording_id)
        rows = self._db.execute(select(links).where(mine).order_by(links.c.created_at.desc(), links.c.id))
        return [link_of(row) for row in rows]

    def revoke(self, link_id: str, at: datetime) -> None:
        """Revoke the link and its sessions; the time of the first revocation stays."""
        live = (links.c.id == link_id) & links.c.revoked_at.is_(None)
        self._db.execute(update(links).where(live).values(revoked_at=at))

    def count(self, account_id: str, selection: LinkFilter) -> int:
        """Return how many links of an account match."""
        query = select(func.count()).select_from(links).where(_condition_of(account_id, selection))
        return int(self._db.execute(query).scalar_one())

    def page(
        self, account_id: str, selection: LinkFilter, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Link]:
        """Return an account's links, newest first, those before the cursor (created_at, id)."""
        query = select(links).where(_condition_of(account_id, selection))
        if before is not None:
            at, link_id = before
            earlier = (links.c.created_at == at) & (links.c.id < link_id)
            # The first condition is implied; it lets an index begin at the cursor.
            query = query.where(links.c.created_at <= at, or_(links.c.created_at < at, earlier))
        rows = self._db.execute(query.order_by(links.c.created_at.desc(), links.c.id.desc()).limit(limit))
        return [link_of(row) for row in rows]

    def revoke_all(self, account_id: str, selection: LinkFilter, at: datetime) -> Sequence[Link]:
        """Revoke every matching link that is not revoked yet, and return them."""
        live = _condition_of(account_id, selection) & links.c.revoked_at.is_(None)
        revoked = update(links).where(live).values(revoked_at=at).returning(links)
        return [link_of(row) for row in self._db.execute(revoked)]

    def open_session(
        self, session: Session, *, secret_hash: bytes, nonce_hash: bytes, log_entries: int = 0
    ) -> Session | None:
        """Insert a session; None if the link has no sessions left; the same nonce returns its existing session.

        The lock on the link's row serialises concurrent opens on PostgreSQL too, and an open and a
        revocation. Raises NotFound if the link is revoked.
        """
        live = (links.c.id == session.link_id) & links.c.revoked_at.is_(None)
        allowed = self._db.execute(select(links.c.sessions).where(live).with_for_update()).scalar()
        if allowed is None:
            raise NotFound("There is no such link.")
        mine = (sessions.c.link_id == session.link_id) & (sessions.c.nonce_hash == nonce_hash)
        before = self._db.execute(select(sessions).where(mine)).first()
        if before is not None:
            statement = update(sessions).where(sessions.c.id == before.id).values(secret_hash=secret_hash)
            self._db.execute(statement)
            return _session(before)
        count = select(func.count()).select_from(sessions).where(sessions.c.link_id == session.link_id)
        if self._db.execute(count).scalar_one() >= allowed:
            return None
        values = {name: getattr(session, name) for name in Session.__slots__}
        values |= {"secret_hash": secret_hash, "nonce_hash": nonce_hash, "log_entries": log_entries}
        self._db.execute(insert(sessions).values(values))
        names = ("account_id", "recording_id", "ends_at")
        unsettled = {name: values[name] for name in names} | {"session_id": session.id, "log_size": _LOG_SIZE}
        self._db.execute(insert(unsettled_sessions).values(unsettled))
        return session

    def session(self, session_id: str) -> tuple[Session, bytes] | None:
        """Return a session and the hash of its secret."""
        row = self._db.execute(_SESSION, {"id": session_id}).first()
        return None if row is None else (_session(row), row.secret_hash)

    def sessions_of(self, account_id: str, link_ids: Sequence[str]) -> Sequence[Session]:
        """Return the sessions of links of an account, the newest first."""
        mine = (sessions.c.account_id == account_id) & sessions.c.link_id.in_(link_ids)
        rows = self._db.execute(select(sessions).where(mine).order_by(sessions.c.opened_at.desc()))
        return [_session(row) for row in rows]

    def take_log_entries(self, session_id: str, count: int) -> int:
        """Take log entries from the session's allowance; return the number granted. Raises NotFound."""
        query = select(sessions.c.opened_at, sessions.c.log_entries).where(sessions.c.id == session_id)
        row = self._db.execute(query.with_for_update()).first()
        if row is None:
            raise NotFound("There is no such session.")
        allowed = log_entries_allowed(database_now(self._db) - row.opened_at)
        taken: int = max(0, min(count, allowed - row.log_entries))
        mine = update(sessions).where(sessions.c.id == session_id)
        self._db.execute(mine.values(log_entries=row.log_entries + taken))
        return taken

    def count_sessions(self, link_id: str) -> int:
        """Return how many sessions a link has opened."""
        count = select(func.count()).select_from(sessions).where(sessions.c.link_id == link_id)
        return self._db.execute(count).scalar_one()

    def session_of_link(self, link_id: str) -> Session | None:
        """Return the one session of a media link."""
        row = self._db.execute(select(sessions).where(sessions.c.link_id == link_id)).first()
        return None if row is None else _session(row)

    def end_sessions(self, recording_id: str, at: datetime) -> None:
        """End every session on a recording; its links can be opened again."""
        of_recording = select(links.c.id).where(links.c.recording_id == recording_id)
        running = sessions.c.link_id.in_(of_recording) & (sessions.c.ends_at > at)
        self._db.execute(update(sessions).where(running).values(ends_at=at))

    def unsettled(self, before: datetime, *, limit: int) -> Sequence[UnsettledSession]:
        """Return sessions that ended before then and are not settled: their missing end events are not written yet."""
        names = UnsettledSession.__slots__
        over = select(*(unsettled_sessions.c[name] for name in names)).where(
            unsettled_sessions.c.ends_at < before
        )
        rows = self._db.execute(over.order_by(unsettled_sessions.c.ends_at).limit(limit))
        return [UnsettledSession(**dict(zip(names, row, strict=True))) for row in rows]

    def read_until(self, session_ids: Sequence[str], log_size: int) -> None:
        """Set the log size up to which the log was read for settling these sessions."""
        behind = unsettled_sessions.c.session_id.in_(session_ids) & (unsettled_sessions.c.log_size < log_size)
        self._db.execute(update(unsettled_sessions).where(behind).values(log_size=log_size))

    def settle(self, session_id: str) -> bool:
        """Mark a session as settled; False if it was before."""
        mine = delete(unsettled_sessions).where(unsettled_sessions.c.session_id == session_id)
        return self._db.execute(mine).rowcount == 1


def may_play() -> ColumnElement[bool]:
    """Match links that are not revoked, and can be opened or have a session that is not over."""
    runs = select(sessions.c.id).where(sessions.c.link_id == links.c.id, sessions.c.ends_at > DatabaseNow())
    return links.c.revoked_at.is_(None) & ((links.c.expires_at > DatabaseNow()) | runs.exists())


def _condition_of(account_id: str, selection: LinkFilter) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = links.c.account_id == account_id
    if selection.recording_id is not None:
        condition &= links.c.recording_id == selection.recording_id
    if selection.listener is not None:
        condition &= links.c.listener_term == selection.listener
    if selection.terms is not None:
        condition &= links.c.recording_id.in_(matching_recordings(account_id, selection.terms))
    if selection.open_at is not None:
        condition &= links.c.revoked_at.is_(None) & (links.c.expires_at > selection.open_at)
    if selection.may_play:
        condition &= may_play()
    if selection.but_for_restricted:
        condition &= links.c.plays_restricted.is_not(True)
    if selection.made_by is not None:
        condition &= links.c.created_by.in_(selection.made_by)
    if selection.made_from is not None:
        condition &= links.c.created_at >= selection.made_from
    if selection.made_to is not None:
        condition &= links.c.created_at < selection.made_to
    return condition


def link_of(row: Row[Any]) -> Link:
    """Convert a row of links to a Link."""
    values = {name: getattr(row, name) for name in Link.__slots__}
    # Links of earlier releases have no such right.
    values |= {"networks": tuple(row.networks), "plays_restricted": bool(row.plays_restricted)}
    return Link(**values)


def _session(row: Row[Any]) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.__slots__})

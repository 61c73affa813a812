"""Opening links: a session with its event, both in one transaction that ends with the event in the log's tree.

On PostgreSQL the opens that wait in one process are opened together, because each transaction holds the tree's one lock
until its commit. Their links are locked in the order of their ids, so two nodes do not wait for each other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from vault import metrics
from vault.database.log_tree.sequencer_postgresql import settle
from vault.database.schema.core import micros, moment
from vault.database.sql.dialect import database_now
from vault.database.stores.audit_log.access_events import EventRows, event_values, wake_for_events
from vault.database.stores.audit_log.closing_acts import ClosingActRows
from vault.database.stores.hot.statements import PLAYS
from vault.database.stores.playback.hot_reads import LINK, read_link
from vault.database.stores.playback.links import LinkRows
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Link, Session, denials_allowed
from vault.errors import NotFound, VaultError

NO_LINK: Final = "This link is not valid. Ask for a new one."
_LOCK: Final = "SELECT id FROM links WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
# After the locks, in a statement of its own: so the counts have what was committed by those for whom it waited.
_STATE: Final = f"""
SELECT l.revoked_at, l.sessions, coalesce(l.denials, 0),
       coalesce({PLAYS}, false) AS plays,
       (SELECT count(*) FROM sessions s WHERE s.link_id = n.link_id), e.id, e.opened_at, e.ends_at,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
  FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS n(link_id, nonce_hash, place)
  LEFT JOIN links l ON l.id = n.link_id
  LEFT JOIN recordings r ON r.id = l.recording_id AND r.account_id = l.account_id
  LEFT JOIN sessions e ON e.link_id = n.link_id AND e.nonce_hash = n.nonce_hash
 ORDER BY n.place
"""  # noqa: S608 - our own rule
_DENY: Final = """
UPDATE links l SET denials = coalesce(l.denials, 0) + n.denials FROM unnest(%s::text[], %s::int[]) AS n(id, denials)
 WHERE l.id = n.id
"""
_SESSION: Final = (
    "id", "account_id", "recording_id", "link_id", "secret_hash", "nonce_hash", "opened_at", "ends_at",
)  # fmt: skip
# The size of the log at its last commit: events of a session opened now can only be at later indexes.
_INSERT: Final = """
WITH opened AS (
    INSERT INTO sessions
        (log_entries, id, account_id, recording_id, link_id, secret_hash, nonce_hash, opened_at, ends_at)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[], %s::bytea[], %s::bigint[],
                             %s::bigint[])
    RETURNING id, account_id, recording_id, ends_at
), unsettled AS (
    INSERT INTO unsettled_sessions (session_id, account_id, recording_id, ends_at, log_size)
    SELECT id, account_id, recording_id, ends_at, (SELECT size FROM tree_head) FROM opened
)
INSERT INTO event_outbox (id, account_id, recording_id, body, sealed_detail)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bytea[], %s::bytea[])
"""
_RESUME: Final = """
UPDATE sessions s SET secret_hash = n.secret_hash FROM unnest(%s::text[], %s::bytea[]) AS n(id, secret_hash)
 WHERE s.id = n.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A request to open a link."""

    session_id: str
    link: Link
    token_hash: bytes
    #: How long the session lasts.
    length: timedelta
    secret_hash: bytes = field(repr=False)
    #: The idempotency key: a session of the link with the same one is returned, with the new secret.
    nonce_hash: bytes
    #: Whether the link permits the client's address.
    permitted: bool
    #: Log entries of the session's allowance that the node takes.
    log_entries: int
    #: The event of the session, at the time of the request.
    event: AccessEvent

    def session(self, opened_at: datetime) -> Session:
        """Return the session, opened at that time by the database's clock."""
        return Session(
            id=self.session_id,
            account_id=self.link.account_id,
            recording_id=self.link.recording_id,
            link_id=self.link.id,
            opened_at=opened_at,
            ends_at=opened_at + self.length,
        )

    def is_allowed(self, now: datetime) -> bool:
        """Return whether the address is permitted and the link has not expired, by the clock that is ahead."""
        return self.permitted and not self.link.is_expired(max(now, self.event.at))

    def is_logged(self, denials: int, now: datetime) -> bool:
        """Return whether a refusal is logged after so many, as ``LogAllowanceRows.take`` decides on all others."""
        if denials < denials_allowed(max(now, self.event.at) - self.link.created_at):
            return True
        metrics.DENIALS_NOT_LOGGED.inc()
        return False

    def denied(self, result: str) -> AccessEvent:
        """Return the event of a refusal: ``used_up``, or ``not_valid``."""
        return replace(self.event, type="playback.denied", session_id=None, result=result)


def open_one(connection: Connection, new: NewSession) -> Session | None:
    """Open on SQLite; None for a refusal, which is logged. Raises NotFound if link or recording are not good."""
    events = EventRows(connection, ClosingActRows(connection))
    link = read_link(LINK.rows(connection, token_hash=new.token_hash))
    if link is None or not link.is_good:
        raise NotFound(NO_LINK)
    now = database_now(connection)
    if not new.is_allowed(now):
        events.append(new.denied("not_valid"))
        return None
    opened = LinkRows(connection).open_session(
        new.session(now),
        secret_hash=new.secret_hash,
        nonce_hash=new.nonce_hash,
        log_entries=new.log_entries,
    )
    if opened is None:
        events.append(new.denied("used_up"))
    elif opened.id == new.session_id:
        # A resumed session already has its event.
        events.append(new.event)
    return opened


def open_group(connection: Connection, batch: Sequence[NewSession]) -> list[Session | VaultError | None]:
    """Open a batch on PostgreSQL, and settle the tree once. Results as those of ``open_one``."""
    cursor: Any = connection.connection.cursor()
    cursor.execute(_LOCK, ([new.link.id for new in batch],))
    cursor.execute(_STATE, ([new.link.id for new in batch], [new.nonce_hash for new in batch]))
    group = _Group()
    answers = [group.open(new, row) for new, row in zip(batch, cursor.fetchall(), strict=True)]
    group.write(cursor)
    if group.events:
        wake_for_events(connection)
    if group.opened:
        settle(connection)
    return answers


@dataclass(slots=True)
class _Group:
    """The sessions and events of a batch."""

    opened: list[tuple[NewSession, Session]] = field(default_factory=list)
    resumed: dict[str, bytes] = field(default_factory=dict)
    events: list[AccessEvent] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _denials: Counter[str] = field(default_factory=Counter)
    _by_nonce: dict[tuple[str, bytes], Session] = field(default_factory=dict)

    def open(self, new: NewSession, row: Sequence[Any]) -> Session | VaultError | None:
        """Decide on one request by its row of _STATE and by those before it."""
        revoked_at, allowed, denials, plays, count, existing, opened_at, ends_at, now = row
        if allowed is None or revoked_at is not None or not plays:
            return NotFound(NO_LINK)
        if not new.is_allowed(moment(now)):
            self._deny(new, "not_valid", denials, moment(now))
            return None
        slot = (new.link.id, new.nonce_hash)
        if existing is not None:
            session = replace(new.session(moment(opened_at)), id=existing, ends_at=moment(ends_at))
            self._by_nonce.setdefault(slot, session)
        if (before := self._by_nonce.get(slot)) is not None:
            self.resumed[before.id] = new.secret_hash
            return before
        if count + self._counts[new.link.id] >= allowed:
            self._deny(new, "used_up", denials, moment(now))
            return None
        self._counts[new.link.id] += 1
        session = self._by_nonce[slot] = new.session(moment(now))
        self.opened.append((new, session))
        self.events.append(new.event)
        return session

    def _deny(self, new: NewSession, result: str, denials: int, now: datetime) -> None:
        """Log a refusal within the link's allowance, of which those before it in the batch are a part."""
        if new.is_logged(denials + self._denials[new.link.id], now):
            self._denials[new.link.id] += 1
            self.events.append(new.denied(result))

    def write(self, cursor: Any) -> None:
        """Insert the sessions and events, and set the secrets of the sessions that are resumed."""
        if self.events:
            rows = [_values(new, session) for new, session in self.opened]
            events = [event_values(event) for event in self.events]
            entries = self.opened[0][0].log_entries if self.opened else 0
            cursor.execute(
                _INSERT,
                (
                    entries,
                    *([row[name] for row in rows] for name in _SESSION),
                    *([row[name] for row in events] for name in events[0]),
                ),
            )
        if self._denials:
            cursor.execute(_DENY, (list(self._denials), list(self._denials.values())))
        if self.resumed:
            cursor.execute(_RESUME, (list(self.resumed), list(self.resumed.values())))
        for event in self.events:
            metrics.EVENTS.labels(event.type).inc()


def _values(new: NewSession, session: Session) -> Mapping[str, Any]:
    return {
        **{name: getattr(session, name) for name in ("id", "account_id", "recording_id", "link_id")},
        "secret_hash": new.secret_hash,
        "nonce_hash": new.nonce_hash,
        "opened_at": micros(session.opened_at),
        "ends_at": micros(session.ends_at),
    }

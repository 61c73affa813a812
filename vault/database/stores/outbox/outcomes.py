"""How attempts ended, as rows: only the worker that holds the lease of a message writes it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, bindparam, case, delete, func, select, update

from vault.database.schema.core import MICROSECOND, recordings
from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.sql.destinations import empty_destination
from vault.database.sql.dialect import DatabaseNow, database_now, insert_new, later
from vault.database.stores.outbox.claims import OutboxClaims
from vault.database.stores.rows import Rows
from vault.domain.outbox.attempt import Attempt
from vault.domain.outbox.health import FAILURES, HEALTHY, Health
from vault.domain.outbox.message import Message, Turn
from vault.domain.recordings.recording import GONE

_A, _D, _M, _R = outbox_attempts.c, outbox_destinations.c, outbox_messages.c, recordings.c
_HEALTH: Final = [_D[name] for name in Health.__slots__]
_LOCKED_HEALTH: Final = (
    select(*_HEALTH, DatabaseNow()).where(_D.destination == bindparam("to")).with_for_update()
)
#: Messages of a turn whose lease still holds.
_HELD: Final = and_(
    _M.destination == bindparam("to"),
    _M.lease_token == bindparam("token"),
    _M.id.in_(bindparam("ids", expanding=True)),
)
_LOCK: Final = select(_M.id).where(_HELD).with_for_update()
_DELETE: Final = delete(outbox_messages).where(_HELD).returning(_M.id)
_FREE: Final = update(outbox_messages).where(_HELD).values(lease_token=None, lease_until=None)
_RENEW: Final = update(outbox_messages).where(_HELD).values(lease_until=later("lease"))
_PUT_BACK: Final = _FREE.values(due_at=bindparam("due", type_=_M.due_at.type))
_UNSENT: Final = _FREE.values(attempts=_M.attempts - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedAttempt:
    """An attempt of the last 30 days."""

    id: str
    type: str
    number: int
    at: datetime
    milliseconds: int
    outcome: str
    status: int | None
    failure: str | None
    #: The beginning of the answer, sealed.
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt to note."""

    message: Message
    attempt: Attempt
    #: When it began.
    at: datetime
    took: timedelta
    #: The beginning of the answer, sealed.
    answer: str | None = None


class OutboxOutcomes(Rows):
    """The ends of attempts in one transaction. Each method passes over messages whose lease does not hold any more."""

    def health(self, destination: str) -> tuple[Health, datetime]:
        """Return the health of a destination, whose row nobody else changes until the end, and the database's time."""
        row = self._db.execute(_LOCKED_HEALTH, {"to": destination}).first()
        if row is None:
            return HEALTHY, database_now(self._db)
        *health, now = row
        return Health(**dict(zip(Health.__slots__, health, strict=True))), now

    def seen_health(self, destinations: Sequence[str]) -> Mapping[str, Health]:
        """Return the health of destinations, to be shown."""
        query = select(_D.destination, *_HEALTH).where(_D.destination.in_(destinations))
        rows = {row.pop("destination"): row for row in map(dict, self._db.execute(query).mappings())}
        return {one: Health(**rows[one]) if one in rows else HEALTHY for one in destinations}

    def failing(self, account_id: str, kind: str) -> tuple[int, int]:
        """Count destinations of a kind that failed FAILURES times in a row or more, and those that are switched off."""
        is_off = _D.disabled_at.is_not(None)
        mine = (_D.account_id == account_id) & _D.destination.startswith(f"{kind}/")
        fails = mine & (is_off | (_D.failures >= FAILURES))
        query = select(func.count(), func.count(case((is_off, 1)))).where(fails)
        row = self._db.execute(query).one()
        return row[0], row[1]

    def set_health(self, destination: str, health: Health) -> None:
        """Set the health of a destination."""
        mine = _D.destination == destination
        self._db.execute(update(outbox_destinations).where(mine).values(asdict(health)))

    def block(self, destination: str, until: datetime) -> None:
        """Let nothing be sent to a destination before then."""
        mine = _D.destination == destination
        self._db.execute(update(outbox_destinations).where(mine).values(blocked_until=until))

    def let_wait(self, destination: str, wait: timedelta) -> None:
        """Let nothing be sent to a destination for so long; a transaction of its own, which holds no other row."""
        before, now = self.health(destination)
        if (after := before.waiting(now + wait)) != before:
            self.set_health(destination, after)
            self.schedule(destination)

    def take_time(self, destination: str, interval: timedelta, *, most: timedelta) -> timedelta:
        """Take the next time at which a paced request to a destination may leave; return how long that is from now.

        For ``interval`` after it no other takes one, and no message begins. If it is later than ``most``, it is not
        taken. In a transaction of its own, which holds no other row.
        """
        before, now = self.health(destination)
        at = max(now, before.blocked_until or now)
        if at - now <= most:
            self.set_health(destination, before.waiting(at + interval))
            self.schedule(destination)
        return at - now

    def lock(self, turn: Turn, ids: Collection[str]) -> set[str]:
        """Return those of these messages that are still this turn's, until the end of the transaction."""
        return set(self._db.execute(_LOCK, _of(turn, ids)).scalars()) if ids else set()

    def renew(self, turn: Turn, message_id: str, lease: timedelta) -> bool:
        """Let the lease of a message end in ``lease`` from now; return whether it still held."""
        return bool(
            self._db.execute(_RENEW, {**_of(turn, [message_id]), "lease": lease // MICROSECOND}).rowcount
        )

    def delete(self, turn: Turn, ids: Collection[str]) -> set[str]:
        """Delete messages that were accepted, are given up, or must not be sent any more; return their ids."""
        return set(self._db.execute(_DELETE, _of(turn, ids)).scalars()) if ids else set()

    def empty(self, destination: str) -> None:
        """Delete some of what waits for a destination that was switched off: the rest goes in batches."""
        empty_destination(self._db, destination, attempts=False)

    def put_back(self, turn: Turn, message_id: str, due_at: datetime) -> None:
        """Give back the lease of a message that was sent: it is due again at ``due_at``."""
        self._db.execute(_PUT_BACK, {**_of(turn, [message_id]), "due": due_at})

    def put_back_unsent(self, turn: Turn, ids: Collection[str], due_at: datetime | None = None) -> None:
        """Give back the leases of messages that were not sent, uncounted; they are due as before, or at ``due_at``."""
        if ids:
            statement = _UNSENT if due_at is None else _UNSENT.values(due_at=due_at)
            self._db.execute(statement, _of(turn, ids))

    def schedule(self, destination: str) -> None:
        """Write when something can be sent to a destination next."""
        OutboxClaims(self._db).schedule(destination)

    def note(self, ended: Sequence[EndedAttempt]) -> None:
        """Note attempts that end now, without what was sent."""
        about = {one.message.recording_id for one in ended if one.answer and one.message.recording_id}
        kept = self._not_gone(about) if about else set()
        if ended:
            insert_new(self._db, outbox_attempts, *(_noted(one, kept) for one in ended))

    def _not_gone(self, recording_ids: Collection[str]) -> Collection[str]:
        """Return those of these recordings about which answers may be kept: their erasure waits for this transaction.

        One that somebody changes at this moment is passed over: that may be its erasure.
        """
        there = select(_R.id).where(_R.id.in_(recording_ids), _R.state.not_in(GONE))
        return set(self._db.execute(there.with_for_update(read=True, skip_locked=True)).scalars())


def _of(turn: Turn, ids: Collection[str]) -> dict[str, Any]:
    return {"to": turn.destination, "token": turn.token, "ids": list(ids)}


def _noted(one: EndedAttempt, kept: Collection[str]) -> dict[str, Any]:
    message, attempt = one.message, one.attempt
    is_kept = message.recording_id is None or message.recording_id in kept
    return {
        "destination": message.destination, "id": message.id, "type": message.type,
        "number": message.attempts + (message.attempts_before or 0),
        "account_id": message.account_id, "recording_id": message.recording_id, "at": one.at,
        "milliseconds": round(one.took.total_seconds() * 1000),
        "outcome": str(attempt.outcome), "status": attempt.status, "failure": attempt.failure,
        "answer": one.answer if is_kept else None,
    }  # fmt: skip

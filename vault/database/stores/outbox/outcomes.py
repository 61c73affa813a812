"""How attempts ended, as rows: only the worker that holds the lease of a message writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, select, update

from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.sql.dialect import insert_new
from vault.database.stores.outbox.claims import OutboxClaims
from vault.database.stores.rows import Rows
from vault.domain.outbox.attempt import Attempt
from vault.domain.outbox.health import HEALTHY, Health
from vault.domain.outbox.message import ClaimedMessage
from vault.errors import LeaseLost

_D, _M = outbox_destinations.c, outbox_messages.c
_HEALTH = [_D[name] for name in Health.__slots__]


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


class OutboxOutcomes(Rows):
    """The ends of attempts in one transaction."""

    def health(self, destination: str) -> Health:
        """Return the health of a destination, whose row nobody else changes until the end of the transaction."""
        query = select(*_HEALTH).where(_D.destination == destination).with_for_update()
        row = self._db.execute(query).mappings().first()
        return HEALTHY if row is None else Health(**row)

    def seen_health(self, destinations: Sequence[str]) -> Mapping[str, Health]:
        """Return the health of destinations, to be shown."""
        query = select(_D.destination, *_HEALTH).where(_D.destination.in_(destinations))
        rows = {row.pop("destination"): row for row in map(dict, self._db.execute(query).mappings())}
        return {one: Health(**rows[one]) if one in rows else HEALTHY for one in destinations}

    def set_health(self, destination: str, health: Health) -> None:
        """Set the health of a destination."""
        mine = _D.destination == destination
        self._db.execute(update(outbox_destinations).where(mine).values(asdict(health)))

    def delete(self, claimed: ClaimedMessage) -> None:
        """Delete a message that was accepted, is given up, or must not be sent any more. Raises LeaseLost."""
        self._one(self._db.execute(delete(outbox_messages).where(_held(claimed))).rowcount)

    def delete_all(self, destination: str) -> int:
        """Delete what waits for a destination that was switched off; return how much that was."""
        waiting = and_(_M.destination == destination, _M.lease_until.is_(None))
        return self._db.execute(delete(outbox_messages).where(waiting)).rowcount

    def put_back(self, claimed: ClaimedMessage, due_at: datetime, *, counts: bool) -> None:
        """Give back the lease: it is due again at ``due_at``; without ``counts`` nothing was sent. Raises LeaseLost."""
        values: dict[str, Any] = {"due_at": due_at, "lease_token": None, "lease_until": None}
        if not counts:
            values["attempts"] = claimed.message.attempts - 1
        self._one(self._db.execute(update(outbox_messages).where(_held(claimed)).values(values)).rowcount)

    def schedule(self, destination: str) -> None:
        """Write when something can be sent to a destination next."""
        OutboxClaims(self._db).schedule(destination)

    def note(self, claimed: ClaimedMessage, attempt: Attempt, at: datetime, took: timedelta) -> None:
        """Note an attempt, without what was sent and what was answered."""
        message = claimed.message
        values = {
            "destination": message.destination, "id": message.id, "number": message.attempts, "type": message.type,
            "account_id": message.account_id, "recording_id": message.recording_id, "at": at,
            "milliseconds": round(took.total_seconds() * 1000),
            "outcome": str(attempt.outcome), "status": attempt.status, "failure": attempt.failure,
        }  # fmt: skip
        insert_new(self._db, outbox_attempts, values)

    def attempts(self, destination: str, *, limit: int) -> Sequence[NotedAttempt]:
        """Return the newest attempts at a destination, the newest first."""
        a = outbox_attempts.c
        query = select(*(a[name] for name in NotedAttempt.__slots__)).where(a.destination == destination)
        rows = self._db.execute(query.order_by(a.at.desc(), a.number.desc()).limit(limit)).mappings()
        return [NotedAttempt(**row) for row in rows]

    @staticmethod
    def _one(changed: int) -> None:
        if changed != 1:
            raise LeaseLost("Another worker has this message now, or it was deleted with its subject.")


def _held(claimed: ClaimedMessage) -> ColumnElement[bool]:
    message = claimed.message
    return and_(_M.destination == message.destination, _M.id == message.id, _M.lease_token == claimed.token)

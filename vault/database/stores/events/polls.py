"""Accounts whose systems ask for events, and the events that they get."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update

from vault.database.schema.access_log import tree_head
from vault.database.schema.events import event_polls, event_sequences, outward_events
from vault.database.sql.dialect import insert_new
from vault.database.stores.recordings.recordings import RecordingRows
from vault.database.stores.rows import Rows
from vault.domain.events.endpoint import KIND, SEQUENCE
from vault.domain.outbox.message import Message

#: Numbers that one read looks at, however few of their events are wanted.
WINDOW: Final = 10_000
#: How exact ``polled_at`` is, so that most calls write nothing.
_ACCURACY: Final = timedelta(days=1)
_O, _P, _S = outward_events.c, event_polls.c, event_sequences.c


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledEvent:
    """An event, and whether its recording is erased now."""

    message: Message
    is_erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledEvents:
    """Events of an account in their order."""

    events: Sequence[PolledEvent]
    #: The number up to which this looked; None: the account has had no event, and none was asked for by a number.
    through: int | None
    #: The number of the account's last event.
    last: int | None
    #: The number of the first event that is kept.
    first: int | None

    @property
    def has_more(self) -> bool:
        """Return whether there are more to look at."""
        return self.last is not None and self.through is not None and self.through < self.last


class EventPollRows(Rows):
    """Polls in one transaction."""

    def is_noted(self, account_id: str, now: datetime) -> bool:
        """Return whether it is noted that the account asked within a day."""
        at: datetime | None = self._db.execute(
            select(_P.polled_at).where(_P.account_id == account_id)
        ).scalar()
        return at is not None and now - at < _ACCURACY

    def note(self, account_id: str, now: datetime) -> None:
        """Note that the account asks. From the first time on its events are numbered."""
        size = self._db.execute(select(tree_head.c.size)).scalar_one()
        row = {"account_id": account_id, "from_index": size, "polled_at": now}
        if not insert_new(self._db, event_polls, row):
            self._db.execute(update(event_polls).where(_P.account_id == account_id).values(polled_at=now))

    def forget(self, before: datetime) -> None:
        """Forget accounts that have not asked since: unless they have an endpoint, nothing is numbered any more."""
        self._db.execute(delete(event_polls).where(_P.polled_at < before))

    def last_numbers(self, account_ids: Collection[str]) -> Mapping[str, int]:
        """Return the number of the last event of each of these accounts that had one."""
        query = select(_S.account_id, _S.last).where(_S.account_id.in_(account_ids))
        return {row.account_id: row.last for row in self._db.execute(query)}

    def page(
        self, account_id: str, *, after: int | None, types: Collection[str] | None, limit: int
    ) -> PolledEvents:
        """Return events after a number, from the first that is kept on for None and 0; of these types, or of all."""
        last = self.last_numbers([account_id]).get(account_id)
        if last is None:
            return PolledEvents(events=(), through=after, last=None, first=None)
        oldest = select(func.min(_O.sequence)).where(_O.account_id == account_id)
        first: int = self._db.execute(oldest).scalar() or last + 1
        start = after or first - 1
        end = min(last, start + WINDOW)
        wanted = (_O.account_id == account_id) & (_O.sequence > start) & (_O.sequence <= end)
        if types is not None:
            wanted &= _O.type.in_(types)
        query = select(outward_events).where(wanted).order_by(_O.sequence).limit(limit)
        messages = [message_of_event(row, destination="") for row in self._db.execute(query).mappings()]
        is_full = len(messages) == limit
        return PolledEvents(
            events=self._checked(account_id, messages),
            through=int(messages[-1].content[SEQUENCE]) if is_full else max(start, end),
            last=last,
            first=first,
        )

    def _checked(self, account_id: str, messages: Sequence[Message]) -> Sequence[PolledEvent]:
        """Return them with what holds of their recordings now."""
        named = sorted({one.recording_id for one in messages if one.recording_id is not None})
        standing = RecordingRows(self._db).not_gone(account_id, named) if named else set()
        return [
            PolledEvent(
                message=one, is_erased=one.recording_id is not None and one.recording_id not in standing
            )
            for one in messages
        ]


def message_of_event(
    row: Mapping[Any, Any], *, destination: str, attempts_before: int | None = None
) -> Message:
    """Return the message about a numbered event to a destination, to which it may have been sent before."""
    return Message(
        destination=destination,
        id=row["id"],
        account_id=row["account_id"],
        kind=KIND,
        type=row["type"],
        at=row["at"],
        content={**json.loads(row["content"]), SEQUENCE: str(row["sequence"])},
        recording_id=row["recording_id"],
        sequence=row["sequence"],
        outlives_erasure=True,
        attempts_before=attempts_before,
    )

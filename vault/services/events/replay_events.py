"""Send events of the last 30 days again: put them into the outbox once more, with their ids and numbers.

What is sent is made when it is sent, so of a recording that was erased since an event says its ids alone.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.stores.events.replays import ReplayRange
from vault.database.transaction import Transaction
from vault.domain.events.endpoint import StoredEndpoint, destination_of, wants
from vault.errors import Invalid, NotFound, Refused
from vault.services.events.stored_endpoint import find_endpoint, log_endpoint

#: Events in one transaction, which others wait for on SQLite.
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWanted:
    """Which events to send again: one, those of a time, or those after a number."""

    event: str | None = None
    since: datetime | None = None
    #: Without it: until now.
    until: datetime | None = None
    after: int | None = None

    def check(self) -> None:
        """Raise Invalid unless exactly one way is named."""
        if self.since is None and self.until is not None:
            raise Invalid("until needs from.", field="until")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise Invalid("until must be later than from.", field="until")
        named = [name for name in ("event", "since", "after") if getattr(self, name) is not None]
        if not named:
            raise Invalid("Send event, from, or after.", field="event")
        if len(named) > 1:
            raise Invalid("Send only one of event, from and after.", field=named[1].replace("since", "from"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayEvents:
    """Put events of an account into the outbox again, for one of its endpoints."""

    database: Database

    async def __call__(self, account_id: str, endpoint_id: str, wanted: ReplayWanted, *, actor: str) -> int:
        """Return how many are sent again: those of the endpoint's types that do not wait for it already.

        In batches: if it stops on its way, it can be repeated. Raises NotFound, Invalid, Refused.
        """
        wanted.check()
        part = await self.database.write(lambda tx: _begin(tx, account_id, endpoint_id, wanted, actor))
        count, after = 0, part.after

        def put(tx: Transaction) -> tuple[int, int | None]:
            endpoint = find_endpoint(tx, account_id, endpoint_id)
            found = tx.event_replays.page(account_id, part, after=after, limit=_BATCH_SIZE)
            chosen = [one for one in found if wants(endpoint.types, one["type"])]
            put = tx.event_replays.put(destination_of(endpoint_id), chosen, tx.now())
            return put, found[-1]["sequence"] if len(found) == _BATCH_SIZE else None

        while True:
            number, following = await self.database.write(put)
            count += number
            if following is None:
                return count
            after = following


def _begin(
    tx: Transaction, account_id: str, endpoint_id: str, wanted: ReplayWanted, actor: str
) -> ReplayRange:
    """Check what is wanted, note it in the log, and return its numbers."""
    endpoint = find_endpoint(tx, account_id, endpoint_id)
    health = tx.outbox_outcomes.seen_health([destination_of(endpoint_id)])[destination_of(endpoint_id)]
    if health.disabled_at is not None:
        text = "The endpoint is switched off. Switch it on by a PATCH, then send again."
        raise Refused(text, reasons=("endpoint_disabled",))
    found = _range(tx, account_id, endpoint, wanted)
    log_endpoint(tx, "event_endpoint.replayed", endpoint, actor)
    return found


def _range(tx: Transaction, account_id: str, endpoint: StoredEndpoint, wanted: ReplayWanted) -> ReplayRange:
    last = tx.event_polls.last_numbers([account_id]).get(account_id, 0)
    if wanted.event is not None:
        one = tx.event_replays.by_id(account_id, wanted.event)
        if one is None:
            raise NotFound("The account has no such event of the last 30 days.", field="event")
        if not wants(endpoint.types, one["type"]):
            raise Invalid(f"The endpoint receives no events of the type {one['type']}.", field="event")
        return ReplayRange(after=one["sequence"] - 1, until=one["sequence"])
    if wanted.after is not None and wanted.after > last:
        raise Invalid(f"The account's last event has the number {last}.", field="after")
    return ReplayRange(after=wanted.after or 0, until=last, since=wanted.since, before=wanted.until)

"""The delivery log: what the vault answered to the requests of each connection's platform, for those who set it up."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.domain.calls.delivery_entry import KEPT, DeliveryEntry, DeliveryFilter, Outcome, event_name
from vault.domain.calls.provider_api import Delivery
from vault.domain.ids import new_id
from vault.errors import Invalid, NotAuthentic, NotFound, Refused, TooMany, VaultError
from vault.ports.clock import Clock
from vault.ports.telephony import Provider
from vault.services.shared.connection_cache import ConnectionCache
from vault.services.shared.job import HOURLY, IntervalJob, Job

#: Answers of one kind to one connection that a process writes singly within a minute; more of them are one entry.
SINGLY: Final = 60
#: Seconds from an answer until it is written, with the others of that time; and after a failure.
INTERVAL: Final = 1.0
_AFTER_FAILURE: Final = 5.0
#: Entries that wait at most; the oldest are dropped.
_MAX_WAITING: Final = 5000
_MINUTE: Final = timedelta(minutes=1)
_CLOSE_SECONDS: Final = 2.0
_FIRST_SERVER_ERROR: Final = 500
#: Reasons of errors that have no code of their own.
_CODES: Final = {
    404: "no_such_address",
    408: "timeout",
    413: "too_large",
    429: "too_many",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one request."""

    status: int
    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    recording_id: str | None = None
    #: Only of an authentic request.
    event: str | None = None


@dataclass(slots=True)
class _Minute:
    """What was noted in a minute, by connection, status and reason: how much, and the entry of those beyond SINGLY."""

    begun: datetime | None = None
    counts: dict[tuple[object, ...], int] = field(default_factory=dict)
    rest: dict[tuple[object, ...], DeliveryEntry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLog:
    """Write answers in batches, within a second, beside what the answer waits for.

    A crash loses those of its last second. How much a connection can make the vault write does not grow with its
    requests. One that names no connection of its provider is nobody's.
    """

    database: Database
    clock: Clock
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    _minute: _Minute = field(default_factory=_Minute, init=False)
    #: By id, the oldest first.
    _waiting: OrderedDict[str, DeliveryEntry] = field(default_factory=OrderedDict, init=False)
    _writing: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    #: One write at a time: who asks for one finds written what was noted before.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def jobs(self) -> Sequence[Job]:
        """Return the deletion of what is older than 30 days."""
        return [IntervalJob(name="forget_deliveries", run=self.forget, every=HOURLY, needs_objects=False)]

    async def note(
        self, provider_name: str, connection_id: str, answer: Answer, delivery: Delivery | None = None
    ) -> None:
        """Note an answer; ``delivery`` names the event if the answer does not. Nothing waits for it."""
        opened = self.connection_cache.known(connection_id)
        if opened is None or opened.connection.provider != provider_name:
            return
        now, minute = self.clock(), self._minute
        if minute.begun is None or not timedelta() <= now - minute.begun < _MINUTE:
            minute.begun, minute.counts, minute.rest = now, {}, {}
        kind = (connection_id, answer.status, answer.outcome, answer.reason)
        minute.counts[kind] = number = minute.counts.get(kind, 0) + 1
        if (rest := minute.rest.get(kind)) is not None:
            minute.rest[kind] = entry = replace(rest, requests=rest.requests + 1)
        else:
            entry = DeliveryEntry(
                id=new_id("dlv"), account_id=opened.connection.account_id, connection_id=connection_id, at=now,
                event=answer.event or self._event(provider_name, delivery), status=answer.status,
                outcome=answer.outcome, reason=answer.reason, detail=answer.detail, recording_id=answer.recording_id,
            )  # fmt: skip
            if number > SINGLY:
                minute.rest[kind] = entry = replace(entry, event=None, recording_id=None)
        self._keep(entry)

    async def note_error(
        self,
        provider_name: str,
        connection_id: str,
        delivery: Delivery | None,
        error: Exception,
        *,
        status: int,
        detail: str | None,
        event: str | None,
    ) -> None:
        """Note a refusal; ``delivery`` is None if the request could not be read.

        ``event`` is the name of the event if the address of the request says it.
        """
        if delivery is None and self.connection_cache.known(connection_id) is None:
            # It was not authenticated, so the connection has not been read yet.
            with suppress(VaultError):
                await self.connection_cache.get(connection_id)
        outcome: Outcome = "failed" if status >= _FIRST_SERVER_ERROR else "rejected"
        is_authentic = isinstance(error, Invalid | Refused | TooMany)
        answer = Answer(
            status=status,
            outcome=outcome,
            reason=error_code(error, status),
            detail=detail,
            event=event if is_authentic else None,
        )
        await self.note(provider_name, connection_id, answer, delivery if is_authentic else None)

    def _event(self, provider_name: str, delivery: Delivery | None) -> str | None:
        if delivery is not None:
            with suppress(Invalid):
                return event_name(self.providers[provider_name].event_name(delivery))
        return None

    async def page(
        self,
        account_id: str,
        name: str,
        wanted: DeliveryFilter,
        *,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[DeliveryEntry]:
        """Return entries of an account's connection, the newest first. Raises NotFound."""
        connection = await self.database.read(lambda tx: tx.connections.find(account_id, name))
        if connection is None:
            raise NotFound("There is no such connection.")
        return await self.database.read(
            lambda tx: tx.deliveries.page(connection.id, wanted, before=before, limit=limit)
        )

    async def forget(self) -> None:
        """Delete entries that are older than 30 days."""
        while await self.database.write(lambda tx: tx.deliveries.forget(tx.now() - KEPT)):
            pass

    async def close(self) -> None:
        """Write what waits, but not for long."""
        for task in list(self._writing):
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.write()

    async def write(self) -> bool:
        """Write what waits; False if that failed, and it waits on."""
        async with self._turn:
            return await self._write()

    async def _write(self) -> bool:
        entries = list(self._waiting.values())
        self._waiting.clear()
        if not entries:
            return True
        try:
            await self.database.write(lambda tx: tx.deliveries.put(entries))
        except VaultError:
            # What has come meanwhile is newer, and counts on.
            for entry in reversed(entries):
                self._waiting.setdefault(entry.id, entry)
                self._waiting.move_to_end(entry.id, last=False)
            self._drop()
            return False
        return True

    def _keep(self, entry: DeliveryEntry) -> None:
        self._waiting[entry.id] = entry
        self._drop()
        if not self._writing:
            task = asyncio.create_task(self._write_soon())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    def _drop(self) -> None:
        while len(self._waiting) > _MAX_WAITING:
            self._waiting.popitem(last=False)

    async def _write_soon(self) -> None:
        pause = INTERVAL
        while self._waiting:
            await asyncio.sleep(pause)
            pause = INTERVAL if await self.write() else _AFTER_FAILURE


def error_code(error: Exception, status: int = 422) -> str:
    """Return the code of an error of a webhook, for the admin who sets the connection up."""
    if isinstance(error, NotAuthentic):
        return error.failed
    if isinstance(error, Refused) and error.reasons:
        return error.reasons[0]
    return _CODES.get(status, "internal" if status >= _FIRST_SERVER_ERROR else "not_valid")

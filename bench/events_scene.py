"""A vault in this process that tells an account's events to a receiver, or has many for one that never answers."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import insert

from bench.archive import without_hurry
from bench.deliveries import PlatformSender
from bench.hanging import HangingHost
from bench.stage import ACCOUNT, connect, settings_of
from tests.support.statement_counts import counted
from vault.composition.assemble import assemble
from vault.database.schema.outbox import outbox_messages
from vault.database.signals import Signal, Work
from vault.database.stores.node.due_work import SilentWork
from vault.database.stores.outbox.claims import NEW_MESSAGES
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts
from vault.domain.calls.provider_api import Delivery
from vault.domain.events.endpoint import destination_of
from vault.services.events.endpoints import EndpointChange
from vault.services.service import Vault
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import GuardedOutside
from vault.worker.tasks import work

_ACTOR: Final = "bench"
_ROWS: Final = 5_000
#: Seconds between two looks of what sends in place of a worker.
_POLL: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where a receiver listens, and what trusts it."""

    url: str
    authority: str
    trust: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A vault with an account and a connection."""

    vault: Vault
    account_id: str
    webhook: str
    sender: PlatformSender

    async def cause(self, number: int) -> None:
        """Let something happen so many times, each in a transaction of its own."""
        for _ in range(number):
            event = AccessEvent(
                type="switch.changed", at=datetime.now(UTC), account_id=self.account_id, actor=_ACTOR, result="on"
            )  # fmt: skip
            await self.vault.database.write(partial(_append, event=event))
        await self.vault.database.write(_settle)

    async def tell(self) -> None:
        """Publish what happened, and send until nothing is on its way; as a worker, which looks when it is woken."""
        publish, send, woken = self.vault.jobs.publish_events, self.vault.jobs.send_outbox, _Woken()
        async with self.vault.database.signals.delivered_to(woken):
            while await publish():
                pass
            while woken.take():
                while await send():
                    pass
                while send.is_sending and not woken.is_set:
                    await send.wait_for_one()
                    await asyncio.sleep(0)

    async def cost(self, number: int, *, at_once: int) -> tuple[float, float]:
        """Return the CPU milliseconds and the statements that each of ``number`` events adds to its cause."""
        cpu = statements = 0.0
        for _ in range(number // at_once):
            await self.cause(at_once)
            # A worker asks this each second, whatever happened.
            due = await self.vault.database.read(lambda tx: tx.due_work.seconds([]))
            with counted(self.vault.database.inner) as counts:  # type: ignore[attr-defined]
                begun = time.process_time()
                if SilentWork.PUBLISH_EVENTS in due:
                    await self.tell()
                cpu += time.process_time() - begun
            statements += counts.statements
        return cpu * 1000 / number, statements / number

    async def call_start(self, number: int) -> None:
        """Start a call."""
        facts = CallFacts(
            call_ref=f"c-{time.monotonic_ns()}-{number}", direction="inbound", caller="+493012345678",
            callee="+493099999999",
        )  # fmt: skip
        await self.vault.recordings.calls.start(self.account_id, facts)

    async def ack(self, number: int) -> None:
        """Take a webhook."""
        event = self.sender._event(time.monotonic_ns() + number, self.webhook)  # noqa: SLF001 - its next body
        delivery = Delivery(
            method="POST", url=self.webhook, headers=event.headers, body=event.body,
            received_at=datetime.now(UTC),
        )  # fmt: skip
        await self.vault.ingest.webhooks.receive("platform", self.webhook.rpartition("/")[2], delivery)

    async def send(self, _number: int) -> None:
        """Let an event happen, and wait until its receiver has taken it."""
        await self.cause(1)
        while await self.vault.jobs.publish_events():
            pass
        while await self.vault.database.read(self._waits):  # noqa: ASYNC110 - the receiver is another process
            await asyncio.sleep(0.001)

    def _waits(self, tx: Any) -> bool:
        endpoints = tx.event_endpoints.of_account(self.account_id)
        return any(tx.outbox.waiting([destination_of(one.id) for one in endpoints]).values())

    async def timed(self, act: Callable[[int], Awaitable[None]], number: int) -> list[float]:
        """Return the milliseconds of an act, ``number`` times, while the outbox sends what it can."""
        stopping = asyncio.Event()
        sending = asyncio.create_task(self._send_until(stopping))
        taken = []
        try:
            for one in range(number):
                begun = time.perf_counter()
                await act(one)
                taken.append((time.perf_counter() - begun) * 1000)
        finally:
            stopping.set()
            await sending
        return taken

    async def idle(self, seconds: float, settle: float) -> float:
        """Return the share of a core, in percent, of this process while its worker has nothing to do."""
        stopping = asyncio.Event()
        working = asyncio.create_task(work(self.vault, workers=2, stopping=stopping))
        await asyncio.sleep(settle)
        begun, cpu = time.monotonic(), time.process_time()
        await asyncio.sleep(seconds)
        share = (time.process_time() - cpu) / (time.monotonic() - begun)
        stopping.set()
        await working
        return share * 100

    async def _send_until(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            if not await self.vault.jobs.send_outbox():
                await asyncio.sleep(_POLL)


@dataclass(eq=False, slots=True)
class _Woken:
    """Whether a transaction has left messages that are due."""

    is_set: bool = False

    def take(self) -> bool:
        """Return whether it has, since the last time."""
        was_set, self.is_set = self.is_set, False
        return was_set

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Take the signals of a transaction."""
        self.is_set |= any(one.work is Work.OUTBOX and not one.after for one in signals)
        return []

    def connected(self, *, remote: bool) -> None:
        """Do nothing: no other process sends."""


@asynccontextmanager
async def scene(folder: Path, database_url: str, receiver: Receiver | None) -> AsyncIterator[Scene]:
    """Open a vault; with a receiver its account has an endpoint."""
    async with assemble(settings_of(str(folder), database_url), describing=False) as vault:
        sender = PlatformSender("https://media.example.com")
        webhook = await connect(vault, "platform", sender.credentials)
        account, _ = await vault.accounts.accounts.open(ACCOUNT, name=None, locale=None, actor=_ACTOR)
        if receiver is not None:
            http = GuardedHttp(allow=[receiver.authority], ssl_context=receiver.trust)
            for owner in (vault.jobs.send_outbox, vault.events.endpoints):
                object.__setattr__(owner, "outside", GuardedOutside(http))
            await _endpoint(vault, account.id, receiver.url)
        yield Scene(vault=vault, account_id=account.id, webhook=webhook, sender=sender)


async def add_waiting(made: Scene, host: HangingHost, receiver: Receiver, number: int) -> None:
    """Let so many messages wait for an endpoint of another account, whose host takes connections and never answers."""
    vault = made.vault
    http = GuardedHttp(allow=[receiver.authority, host.authority], ssl_context=receiver.trust)
    for owner in (vault.jobs.send_outbox, vault.events.endpoints):
        object.__setattr__(owner, "outside", GuardedOutside(http))
    account, _ = await vault.accounts.accounts.open("dead", name=None, locale=None, actor=_ACTOR)
    endpoint_id = await _endpoint(vault, account.id, f"https://{host.authority}/")
    now = datetime.now(UTC)
    for start in range(0, number, _ROWS):
        rows = [
            {
                "destination": destination_of(endpoint_id), "id": f"evt_waiting_{n:06}", "account_id": account.id,
                "kind": "events", "type": "switch.changed", "content": json.dumps({"sequence": str(n)}),
                "outlives_erasure": True, "sequence": n, "at": now, "attempts": 0, "due_at": now, "is_new": True,
            }
            for n in range(start, min(start + _ROWS, number))
        ]  # fmt: skip
        await vault.database.write(partial(_insert, rows=rows))
    # It takes notice of them in parts, and before anything is measured.
    while await vault.database.read(_has_new):
        await vault.jobs.send_outbox()


async def _endpoint(vault: Vault, account_id: str, url: str) -> str:
    wanted = EndpointChange(url=url, types=["*"])
    made = await vault.events.endpoints.make(account_id, wanted, actor=_ACTOR)
    return made.view.endpoint.id


def _append(tx: Any, *, event: AccessEvent) -> None:
    tx.events.append(event)


def _settle(tx: Any) -> None:
    tx.tree.settle()


def _has_new(tx: Any) -> bool:
    return tx.connection.execute(NEW_MESSAGES).first() is not None


def _insert(tx: Any, *, rows: list[dict[str, Any]]) -> None:
    without_hurry(tx)
    tx.connection.execute(insert(outbox_messages), rows)

"""A kind of message for tests, about which a test decides everything, and houses whose outbox has it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

from sqlalchemy import select, update

from tests.services.requests.people import ago
from tests.support.service_house import LONG_AGO, House
from vault.backoff import Backoff
from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Answer, Attempt, attempt_of
from vault.domain.outbox.message import Message, SendingRules
from vault.ports.outside import Post
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.outbox.send_outbox import _Sending

#: Nothing is read of the subject.
IGNORES = SendingRules(switched_off="ignore", erased="ignore", restricted="ignore", held="ignore")
SENDS = SendingRules(switched_off="send", erased="send", restricted="send", held="send")


@dataclass(frozen=True, kw_only=True)
class Probe(OutboxKind[str, str]):
    """Sends each message to ``https://<destination>.example/``."""

    name: ClassVar[str] = "probe"
    backoff: ClassVar[Backoff] = Backoff(first=timedelta(seconds=5), most=timedelta(hours=1), least=0)
    max_attempts: ClassVar[int | None] = None

    sending_rules: SendingRules = SENDS
    taken_back: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)

    def rules(self, message: Message) -> SendingRules:
        """Return those of the test."""
        return self.sending_rules

    def read(self, tx: Transaction, account_id: str, destination: str) -> str | None:
        """Return where it goes."""
        return f"https://{destination.removeprefix('probe/')}.example/"

    async def open(self, stored: str) -> str:
        """Open nothing."""
        return stored

    async def send(self, receiver: str, permission: Permission) -> Attempt:
        """Send the id alone."""
        message = permission.message
        return attempt_of(await permission.post(receiver, {"webhook-id": message.id}, b"{}"), "The receiver")

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Remember it."""
        self.noted.append(f"{message.id} {attempt.outcome}")

    async def take_back(self, message: Message) -> None:
        """Remember it."""
        self.taken_back.append(message.id)

    def count(self, result: str) -> None:
        """Count nothing."""


def url_of(message: Message) -> str:
    """Return where a probe goes."""
    return f"https://{message.destination.removeprefix('probe/')}.example/"


def probe(house: House, message_id: str, to: str = "a", **other: Any) -> Message:
    """Return a message that is due."""
    values = {"account_id": house.account.id, "type": "probe.made", "at": ago(minutes=1), "content": {}}
    return Message(destination=f"probe/{to}", id=message_id, kind="probe", **values | other)


def probing(house: House, kind: Probe | None = None) -> tuple[House, Probe]:
    """Return the house with a worker of its own, whose outbox knows the probe too."""
    made = kind or Probe()
    job = house.vault.jobs.send_outbox
    own = replace(job, kinds={**job.kinds, made.name: made}, _sending=_Sending())
    jobs = replace(house.vault.jobs, send_outbox=own)
    return replace(house, vault=replace(house.vault, jobs=jobs)), made


async def rows(house: House) -> list[Any]:
    """Return the messages that wait, by their ids."""
    query = select(outbox_messages).order_by(outbox_messages.c.id)
    return await house.database.read(lambda tx: list(tx.connection.execute(query).all()))


async def attempts(house: House) -> list[Any]:
    """Return the attempts that were noted."""
    query = select(outbox_attempts).order_by(outbox_attempts.c.id, outbox_attempts.c.number)
    return await house.database.read(lambda tx: list(tx.connection.execute(query).all()))


async def destination(house: House, name: str = "a") -> Any:
    """Return the row of a destination."""
    query = select(outbox_destinations).where(outbox_destinations.c.destination == f"probe/{name}")
    return await house.database.read(lambda tx: tx.connection.execute(query).one_or_none())


async def change_destination(house: House, name: str = "a", **values: Any) -> None:
    """Change the row of a destination behind everybody's back: time passes."""
    mine = outbox_destinations.c.destination == f"probe/{name}"
    query = outbox_destinations.update().where(mine).values(values)
    await house.database.write(lambda tx: tx.connection.execute(query) and None)


async def leases_end(house: House) -> None:
    """Let every lease run out, and the time come at which a claim sees it."""
    query = update(outbox_messages).where(outbox_messages.c.lease_until.is_not(None))

    def end(tx: Transaction) -> None:
        tx.connection.execute(query.values(lease_until=LONG_AGO))
        tx.outbox_claims.schedule("probe/a")

    await house.database.write(end)


class Hanging:
    """Receivers that hang until the test lets them go on; the others answer as the house's do."""

    def __init__(self, house: House, *names: str) -> None:
        """Let these receivers hang."""
        self.let_go, self.begun = asyncio.Event(), list[str]()
        self._inner = house.outside
        self._urls = {f"https://{name}.example/" for name in names}

    def check(self, url: str) -> None:
        """Refuse what the vault refuses."""
        self._inner.check(url)

    async def post(self, url: str, headers: Any, body: bytes) -> Answer:
        """Answer, perhaps later."""
        if url in self._urls:
            self.begun.append(headers["webhook-id"])
            await self.let_go.wait()
        return await self._inner.post(url, headers, body)

    @asynccontextmanager
    async def keep_alive(self) -> AsyncIterator[Post]:
        """Post as always."""
        yield self.post


def with_outside(house: House, outside: Any) -> House:
    """Return the house whose outbox sends by another client."""
    job = replace(house.vault.jobs.send_outbox, outside=outside)
    return replace(house, vault=replace(house.vault, jobs=replace(house.vault.jobs, send_outbox=job)))


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until something holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)

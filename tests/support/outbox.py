"""The outbox in a test: what waits becomes due, and is sent to the end."""

from sqlalchemy import insert, update

from tests.support.service_house import LONG_AGO, House
from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.schema.requests import request_deliveries
from vault.database.transaction import Transaction
from vault.domain.outbox.message import Message
from vault.services.outbox.send_outbox import SendOutbox


async def let_time_come(house: House) -> None:
    """Let the time come for which messages and destinations wait, but not that of leases."""

    def come(tx: Transaction) -> None:
        tx.connection.execute(update(outbox_messages).values(due_at=LONG_AGO))
        tx.connection.execute(update(outbox_destinations).values(blocked_until=None))
        for destination in tx.connection.execute(outbox_destinations.select()).all():
            tx.outbox_claims.schedule(destination.destination)

    await house.database.write(come)


async def send_due(house: House) -> None:
    """Send what is due until nothing more is, as a worker does."""
    await send_all(house.vault.jobs.send_outbox)


async def send_all(job: SendOutbox) -> None:
    """Send what is due until nothing more is.

    Only a claim that begins when nothing is on its way says so: beside one, the places that it needed may be free
    before it has told that there were none.
    """
    await job.idle()
    while await job() or job.is_sending:
        await job.idle()


def add_older_delivery(tx: Transaction, account_id: str, delivery_id: str, *, tries: int = 0) -> None:
    """Insert a delivery of a callback as a release before the outbox does."""
    values = {
        "id": delivery_id, "account_id": account_id, "type": "request.received", "request_id": "req_older",
        "kind": "access", "state": "review", "at": LONG_AGO, "next_try_at": LONG_AGO, "tries": tries,
    }  # fmt: skip
    tx.connection.execute(insert(request_deliveries).values(values))


async def put(house: House, *messages: Message) -> None:
    """Put messages into the outbox."""

    def put_all(tx: Transaction) -> None:
        for message in messages:
            tx.outbox.put(message)

    await house.database.write(put_all)

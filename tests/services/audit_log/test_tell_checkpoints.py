"""The checkpoint as an event: as it is signed, to those who receive it, and only where the log has grown otherwise."""

from dataclasses import replace
from datetime import timedelta

from tests.services.events.receiving import endpoint, told
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.tlog.checkpoint import parse_checkpoint

TYPE = "log.checkpoint"


async def sign(house: House) -> None:
    """Put what happened into the tree, and sign it."""
    await house.database.write(lambda tx: tx.tree.settle())
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()


async def happen(house: House) -> None:
    """Let the log grow by an entry."""

    def append(tx: Transaction) -> None:
        event = AccessEvent(type="policy.changed", at=tx.now(), account_id=house.account.id, actor="worker")
        tx.events.append_leaf(event.body)

    await house.database.write(append)
    await sign(house)


async def notes(house: House) -> list[str]:
    """Run the job; return the checkpoints that the receiver has."""
    await house.vault.jobs.tell_checkpoints()
    found = [one["data"]["checkpoint"] for one in await told(house) if one["type"] == TYPE]
    await sign(house)
    return found


async def test_a_witness_gets_the_signed_head(either: House):
    """The bytes of the note; the entries of telling and sending it are no reason for the next one."""
    await endpoint(either, types=[TYPE])
    await happen(either)
    last = await either.database.read(lambda tx: tx.checkpoints.last())
    assert last is not None
    assert await notes(either) == [last.note.decode()]
    assert parse_checkpoint(last.note.decode().partition("\n\n")[0] + "\n").size == last.size
    assert await notes(either) == [last.note.decode()]
    size = await either.database.read(lambda tx: tx.tree.head().size)
    assert size > last.size
    await happen(either)
    first, second = await notes(either)
    assert first == last.note.decode()
    assert int(second.splitlines()[1]) > size


async def test_who_does_not_receive_it_has_no_entry(either: House):
    """The log of an account without a witness does not grow each hour."""
    await endpoint(either, types=["recording.available"])
    await happen(either)
    assert await either.vault.jobs.tell_checkpoints() == 0
    assert TYPE not in await either.events()

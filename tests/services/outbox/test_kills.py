"""kill -9 at edges of the outbox's work: nothing is lost, nothing goes after an erasure, and the log has what went."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.services.requests.dying_jobs import RECEIVED
from tests.services.requests.mortal_ground import Ground, OpenGround, events_of, grounds, kill
from tests.services.requests.people import ACTOR, ask, asks
from tests.support.outbox import add_older_delivery, let_time_come, send_due
from tests.support.rights_cases import PAIRS
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.outbox import outbox_messages
from vault.thread_pools import Threads

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.fixture(params=PAIRS[:2])
def open_ground(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> OpenGround:
    """Opens an empty vault on a pair of database and store that another process can open."""
    return grounds(request, request.param, tmp_path, threads)


async def test_a_killed_outbox_loses_nothing(open_ground: OpenGround):
    """Three changes of requests and a delivery of an older release for each kill."""

    async def set_up(house: House) -> None:
        await house.vault.requests.callbacks.set(house.account.id, "https://crm.example/hook", actor=ACTOR)

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        house = ground.house
        for n in range(3):
            await ask(house, asks(reference=f"ticket {number}-{n}"))
        older = f"evt_older_{number}"
        await house.database.write(lambda tx: add_older_delivery(tx, house.account.id, older))
        due = await house.database.read(
            lambda tx: set(tx.connection.execute(select(outbox_messages.c.id)).scalars())
        )

        async def check() -> None:
            await leases_end(ground.house)
            await ground.house.vault.jobs.adopt_deliveries()
            await send_due(ground.house)
            file = ground.folder / RECEIVED
            taken = file.read_text().split() if file.exists() else []
            taken += [one.headers["webhook-id"] for one in ground.house.outside.sent]
            missing = ({*due, older}) - set(taken)
            assert missing == set()
            assert (
                await ground.house.vault.requests.callbacks.read(house.account.id)
            ).deliveries.waiting == 0
            logged = await results_of(ground.house)
            for message_id in (*due, older):
                # It may be taken once more than the log says accepted, and never without being in the log before.
                assert logged.count(("message.sent", message_id)) >= 1
                assert logged.count(("message.accepted", message_id)) == 1

        return check

    await kill(open_ground, "the outbox", "outbox", prepare, set_up=set_up, small=10)


async def leases_end(house: House) -> None:
    """Let the leases of the killed process run out, and the time come for what waits."""
    query = update(outbox_messages).where(outbox_messages.c.lease_until.is_not(None))
    await house.database.write(lambda tx: tx.connection.execute(query.values(lease_until=LONG_AGO)) and None)
    await let_time_come(house)


async def results_of(house: House) -> list[tuple[str, str]]:
    """Return the types of the account's events, with the ids of their messages."""
    await events_of(house)
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=100_000)
    )
    return [(one.event.type, (one.event.result or "").rsplit("/", 1)[-1]) for one in page]

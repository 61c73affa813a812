"""What happens when an answer is lost, a system is down or asks to wait, or a process dies."""

import asyncio

import pytest
from sqlalchemy import update

from tests.fakes.crm import NotebookPeer
from tests.support.handing import (
    ANN,
    activate,
    all_handovers,
    call,
    erase,
    follow,
    hand_over,
    let_pass,
    logged,
    states,
)
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.domain.handover.integration import destination_of
from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed


async def test_case_1_twice_available_is_one_record(either: House, peer: NotebookPeer):
    """The log is read again from the start, as after a restore of its position, by two readers at once."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)
    await hand_over(either)
    again = either.vault.jobs.follow_log
    for _ in range(2):
        await either.database.write(lambda tx: tx.handover_feed.end(0))
        await asyncio.gather(again.look(), again.look())
        await hand_over(either)
    assert len(peer.records) == 1
    assert peer.requests.count("POST /records") == 1


async def test_case_2_a_lost_answer_is_probed(either: House, peer: NotebookPeer):
    """The record is found by our id, and no second one is made."""
    peer.contacts, peer.loses = [ANN], ["POST /records"]
    await activate(either)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["unknown"]
    await hand_over(either, rounds=3)
    assert await states(either) == ["present"]
    assert len(peer.records) == 1
    (handover,) = await all_handovers(either)
    view = await either.vault.handover.handovers.read(either.account.id, handover.id)
    assert view.remote == {"record": "r1"}


async def test_case_3_a_search_that_lags_proves_nothing(either: House, peer: NotebookPeer):
    """Before its lag is over a probe that finds nothing lets nothing be written."""
    peer.contacts, peer.loses, peer.lags = [ANN], ["POST /records"], True
    await activate(either)
    await call(either)
    await hand_over(either, rounds=4)
    assert await states(either) == ["unknown"]
    assert peer.requests.count("POST /records") == 1
    peer.lags = False
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert len(peer.records) == 1


async def test_what_never_arrived_is_written_again(either: House, peer: NotebookPeer):
    """After the lag."""
    peer.contacts = [ANN]
    peer.answers = {"POST /records": [FetchFailed("The host did not respond in time.", host_down=True)]}
    await activate(either)
    await call(either)
    await hand_over(either)
    assert await states(either) == ["unknown"]
    await let_pass(either)
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]
    assert len(peer.records) == 1


async def test_case_4_erased_while_it_is_written(either: House, peer: NotebookPeer):
    """The record ends removed; the log has both."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)

    async def meanwhile(name: str) -> None:
        if name == "POST /records":
            peer.meanwhile = None
            await erase(either, recording_id)

    peer.meanwhile = meanwhile
    await hand_over(either, rounds=3)
    assert "POST /records" in peer.requests
    assert peer.records == {}
    assert await states(either) == ["absent"]
    types = await logged(either)
    assert types.index("handover.sent") < types.index("handover.removed")


async def test_case_4_erased_while_it_is_looked_up(either: House, peer: NotebookPeer):
    """Nothing is written then."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)

    async def meanwhile(_name: str) -> None:
        peer.meanwhile = None
        await erase(either, recording_id)

    peer.meanwhile = meanwhile
    await hand_over(either, rounds=3)
    assert peer.requests == ["GET /contacts"]
    assert await states(either) == ["absent"]
    assert "handover.sent" not in await logged(either)


async def test_case_5_erased_before_it_is_sent(either: House, peer: NotebookPeer):
    """No request leaves, not even the look-up."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await follow(either)
    await erase(either, recording_id)
    await hand_over(either, rounds=3)
    assert peer.requests == []
    assert await states(either) == ["absent"]
    assert not {"handover.looked_up", "handover.sent", "handover.removed"} & {*await logged(either)}


async def test_case_6_a_removal_outlives_any_outage(either: House, peer: NotebookPeer):
    """The system is down for a week; the erasure does not wait, and in the end the record is removed."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    peer.answers = {"PATCH /records": [Answer(status=503)] * 12}
    await erase(either, recording_id)
    await either.settle(recording_id)
    for _ in range(12):
        await hand_over(either)
        await let_time_come(either)
        # The first failure is longer ago than a destination of events may fail.
        query = update(outbox_destinations).where(outbox_destinations.c.failing_since.is_not(None))
        await either.database.write(
            lambda tx, query=query: tx.connection.execute(query.values(failing_since=LONG_AGO)) and None
        )
    await hand_over(either)
    assert peer.records == {}
    assert await states(either) == ["absent"]


async def test_case_15_a_record_that_is_gone_is_removed(either: House, peer: NotebookPeer):
    """404 is the success of a removal."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    peer.records.clear()
    await erase(either, recording_id)
    await hand_over(either)
    assert await states(either) == ["absent"]


async def test_case_14_a_merged_record_is_followed(either: House, peer: NotebookPeer):
    """The new id is stored and removed, not the old one alone."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    peer.records["r9"] = peer.records.pop("r1")
    peer.answers = {"PATCH /records": [Answer(status=301, headers={"location": "r9"})]}
    await erase(either, recording_id)
    await hand_over(either)
    assert peer.records == {}
    assert await states(either) == ["absent"]


async def test_case_16_what_is_refused_is_held(either: House, peer: NotebookPeer):
    """A person decides; it is not tried again by itself."""
    peer.contacts, peer.answers = [ANN], {"POST /records": [Answer(status=422)]}
    await activate(either)
    await call(either)
    await hand_over(either, rounds=3)
    assert await states(either) == ["held refused"]
    assert peer.requests.count("POST /records") == 1
    (handover,) = await all_handovers(either)
    await either.vault.handover.handovers.decide(either.account.id, handover.id, None, actor="key_test")
    await hand_over(either)
    assert await states(either) == ["present"]


@pytest.mark.parametrize(
    ("said", "least", "most"), [("37", 30, 60), ("86400000", 6 * 3600 - 60, 7 * 3600), (None, 0, 60)]
)
async def test_case_25_a_system_that_asks_to_wait_is_let_alone(
    either: House, peer: NotebookPeer, said: str | None, least: int, most: int
):
    """As long as it asks, within six hours; its removals are asked apart."""
    peer.contacts = [ANN]
    headers = {} if said is None else {"retry-after": said}
    peer.answers = {"GET /contacts": [Answer(status=429, headers=headers)]}
    view = await activate(either)
    await call(either)
    await hand_over(either)
    to = destination_of(view.integration.id, removals=False)
    m = outbox_messages.c
    query = outbox_messages.select().where(m.destination == to)
    row = await either.database.read(lambda tx: tx.connection.execute(query).one())
    now = await either.database.read(lambda tx: tx.now())
    assert least <= (row.due_at - now).total_seconds() <= most
    assert await states(either) == ["waiting"]


async def test_case_26_a_reserve_is_kept_for_removals(either: House, peer: NotebookPeer):
    """With a tenth of its budget left nothing is written until it begins again; removals go on."""
    peer.contacts = [ANN]
    view = await activate(either)
    first = await call(either)
    await hand_over(either)
    peer.left = 10
    await call(either, "rec-2")
    await hand_over(either)
    assert peer.requests.count("POST /records") == 1
    to = destination_of(view.integration.id, removals=False)
    health, now = await either.database.write(lambda tx: tx.outbox_outcomes.health(to))
    assert health.blocked_until is not None
    assert (health.blocked_until - now).total_seconds() > 300
    await erase(either, first)
    await hand_over(either)
    assert peer.records == {}
    peer.left = 90
    await hand_over(either, rounds=2)
    assert sorted(await states(either)) == ["absent", "present"]


async def test_case_38_no_write_without_its_entry(either: House, peer: NotebookPeer):
    """Whenever a request reaches the system, its entry is in the log, and what it wrote is unknown until confirmed."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)
    seen: dict[str, tuple[list[str], list[str]]] = {}

    async def meanwhile(name: str) -> None:
        seen[name] = await logged(either), await states(either)

    peer.meanwhile = meanwhile
    await hand_over(either)
    assert seen["GET /contacts"][0][-1] == "handover.looked_up"
    assert seen["POST /records"][0][-1] == "handover.sent"
    assert seen["POST /records"][1] == ["unknown"]
    assert "handover.stands" not in seen["POST /records"][0]


async def test_case_38_a_process_that_dies_leaves_what_is_probed(either: House, peer: NotebookPeer):
    """It died while the write was on its way: the next one looks, and writes only what is not there after the lag."""
    peer.contacts = [ANN]
    await activate(either)
    await call(either)
    await follow(either)

    async def meanwhile(name: str) -> None:
        if name == "POST /records":
            peer.meanwhile = None
            begun.set()
            await asyncio.Event().wait()

    begun, peer.meanwhile = asyncio.Event(), meanwhile
    job = either.vault.jobs.send_outbox
    await job()
    await begun.wait()
    await job.stop()
    assert await states(either) == ["unknown"]
    await let_pass(either)
    await let_time_come(either)
    await send_due(either)
    await hand_over(either, rounds=3)
    assert await states(either) == ["present"]
    assert len(peer.records) == 1

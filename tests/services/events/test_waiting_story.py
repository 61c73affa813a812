"""An ``available`` that waits while its recording is erased or restricted, or its account switched off: what goes.

The receiver is down; the vault goes on. When it is back, it hears what holds, and the log has what went.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.services.events.receiving import ME, A, available, endpoint, publish
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer
from vault.domain.recordings.recording import State

Act = Callable[[House, str], Awaitable[None]]


async def erase(house: House, recording_id: str) -> None:
    """Erase it to the end."""
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert await house.settle(recording_id) is State.ERASED


async def restrict(house: House, recording_id: str) -> None:
    """Restrict it."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason="the person disputes it", **ME
    )


async def switch_off(house: House, _recording_id: str) -> None:
    """Switch its account off."""
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason="a strike", **ME)


STORIES: list[tuple[Act, bool, list[str]]] = [
    (erase, True, ["recording.erasing", "recording.erased"]),
    (restrict, False, ["recording.restricted"]),
    (switch_off, False, ["switch.changed"]),
]


@pytest.mark.parametrize(("act", "is_superseded", "later"), STORIES, ids=[one[0].__name__ for one in STORIES])
async def test_what_a_waiting_event_says(either: House, act: Act, is_superseded: bool, later: list[str]):
    """Superseded after an erasure, with ids alone; as it was after the others, which have events of their own."""
    await endpoint(either)
    either.outside.answer(A, Answer(status=503))
    recording_id = await available(either)
    await publish(either)
    await send_due(either)
    assert [json.loads(one.body)["type"] for one in either.outside.sent] == ["recording.available"]
    either.outside.sent.clear()
    await act(either, recording_id)
    either.outside.answer(A, Answer(status=204))
    await publish(either)
    await let_time_come(either)
    await send_due(either)
    said = sorted((json.loads(one.body) for one in either.outside.sent), key=lambda one: one["sequence"])
    assert [one["type"] for one in said] == ["recording.available", *later]
    first = said[0]
    assert first.get("superseded", False) is is_superseded
    assert first["data"] == {"account": either.account.id, "recording": recording_id}
    assert [one["sequence"] for one in said] == list(range(first["sequence"], first["sequence"] + len(said)))
    everything = b"".join(one.body for one in either.outside.sent)
    for word in (b"the person disputes it", b"a strike", b"call of rec-1", b"+49"):
        assert word not in everything
    assert await log_of(either, first["id"]) == [
        ("message.sent", recording_id),
        ("message.accepted", recording_id),
    ]
    sent_ids = {one["id"] for one in said}
    logged = {one.result.rpartition("/")[2] for one in await events(either) if one.type == "message.accepted"}
    assert logged == sent_ids
    waiting = await either.database.read(lambda tx: tx.outbox.waiting_of("events"))
    assert waiting == (0, None)


async def log_of(house: House, message_id: str) -> list[tuple[str, str | None]]:
    """Return what the log says of a message: types, and the recording that it was about."""
    return [
        (one.type, one.recording_id)
        for one in await events(house)
        if one.type.startswith("message.") and (one.result or "").endswith(f"/{message_id}")
    ]


async def events(house: House) -> list[Any]:
    """Return the account's log."""
    await house.database.write(lambda tx: tx.tree.settle())
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=1000)
    )
    return [one.event for one in page]

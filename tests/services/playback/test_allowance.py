"""What one session may add to the log: a limit that holds over nodes and restarts, on both databases."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.playback.test_end_sessions import opened, recording_of
from tests.support.service_house import AUDIO, House, another_node
from vault.domain.playback.link import LOG_ENTRIES_PER_SECOND, LOG_ENTRY_BURST, log_entries_allowed
from vault.errors import TooMany
from vault.services.playback.playable_audio import PlayableAudio
from vault.services.playback.session_allowance import Allowance
from vault.thread_pools import Threads


def test_an_allowance_grows_with_the_session():
    """It begins with what a burst of seeks needs; a clock that was set back takes nothing of it away."""
    hour = timedelta(hours=1)
    assert log_entries_allowed(timedelta(0)) == log_entries_allowed(-hour) == LOG_ENTRY_BURST
    assert log_entries_allowed(hour) == LOG_ENTRY_BURST + 3600 * LOG_ENTRIES_PER_SECOND


async def ask(house: House, sound: PlayableAudio, times: int) -> int:
    """Ask for a byte so often, and return how often it came before the first refusal."""
    for count in range(times):
        try:
            assert [block async for block in await house.vault.playback.audio.stream(sound, 0, 1)] == [
                AUDIO[:1]
            ]
        except TooMany as error:
            assert error.retry_after > 0
            return count
    return times


async def grants(house: House, session_id: str) -> int:
    """Return how many grants of a session the log holds."""
    await house.database.write(lambda tx: tx.tree.settle())
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=1000)
    )
    return sum(one.event.session_id == session_id and one.event.type.endswith(".grant") for one in page)


async def test_a_session_gets_its_entries_and_no_more(
    either: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """Whichever node it asks, however it asks; after a while there is more, and other sessions have their own."""
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRY_BURST", 60)
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRIES_PER_SECOND", 0)
    # Each answer here waits until the event of its end is written.
    monkeypatch.setattr("vault.database.engines.postgresql.APPEND_DELAY", 0.0)
    recording = await recording_of(either)
    session, played, kept = await opened(either, recording)
    other = another_node(either, tmp_path, threads)
    assert await ask(either, played, 30) == 30
    # The first node holds 20 of its second portion; the second gets the last ten.
    assert await ask(other, kept, 30) == 10
    assert await ask(either, played, 30) == 20
    with pytest.raises(TooMany):
        await either.vault.playback.player.waveform(
            either.account.id, recording, actor=session.id, session_id=session.id
        )
    await asyncio.gather(*(ask(node, played, 1) for node in (either, other) for _ in range(5)))
    assert await grants(either, session.id) == 60
    _, played_too, _ = await opened(either, recording)
    assert await ask(either, played_too, 3) == 3

    # The session is older than nothing, so some comes back immediately.
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRIES_PER_SECOND", 1_000_000)
    assert await ask(other, played, 60) == 60


async def test_a_request_that_joins_an_open_is_not_refused(either: House):
    """A player asks for parts together: one opens the session, whose portion comes while another one waits."""
    session, _, _ = await opened(either, await recording_of(either))
    allowance = Allowance(database=either.database)
    joining = asyncio.ensure_future(allowance.use(session.id))
    await asyncio.sleep(0)
    allowance.begin(session.id, allowance.portion())
    await joining


async def test_an_answer_that_runs_goes_on(house: House, monkeypatch: pytest.MonkeyPatch):
    """Its later windows are paid by the next request, so a listener's stream is never cut."""
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRY_BURST", 2)
    monkeypatch.setattr("vault.domain.playback.link.FIRST_WINDOW", 500)
    session, played, _ = await opened(house, await recording_of(house))
    assert await ask(house, played, 1) == 1
    blocks = [block async for block in await house.vault.playback.audio.stream(played, 0, len(AUDIO))]
    assert b"".join(blocks) == AUDIO
    assert await grants(house, session.id) > 3
    assert await ask(house, played, 1) == 0


async def test_a_key_has_no_such_limit(house: House, monkeypatch: pytest.MonkeyPatch):
    """It is the account's own program, which an admin can revoke."""
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRY_BURST", 0)
    recording = await recording_of(house)
    assert await house.heard(recording) == AUDIO


async def test_callers_at_once_take_portions_together(either: House, monkeypatch: pytest.MonkeyPatch):
    """Wrong: each takes a portion, and those that come when the burst is used up are refused beside unused entries."""
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRY_BURST", 60)
    monkeypatch.setattr("vault.domain.playback.link.LOG_ENTRIES_PER_SECOND", 0)
    session, _, _ = await opened(either, await recording_of(either))
    allowance, taken = either.vault.playback.player.allowance, []
    write = either.database.write

    async def counted(function: Any, **more: Any) -> Any:
        taken.append(await write(function, **more))
        return taken[-1]

    monkeypatch.setattr(either.database, "write", counted)
    uses = await asyncio.gather(*(allowance.use(session.id) for _ in range(80)), return_exceptions=True)
    assert sum(used is None for used in uses) == 60
    assert sum(isinstance(used, TooMany) for used in uses) == 20
    assert len(taken) <= 4

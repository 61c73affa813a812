"""Month keys of the true database: no event names them, and every recording of their month needs them."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.parties import set_policy
from tests.support.restoring import available, backed_up, house_over, write_all
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.thread_pools import Threads


async def _nothing(_late: House) -> None:
    """Serve nobody."""


async def _call(late: House) -> None:
    """Make another key of the month: a change without an event."""
    await late.vault.recordings.calls.start(late.account.id, CallFacts(call_ref="call-2"))


async def _write(late: House) -> None:
    while await late.vault.jobs.write_account_objects():
        pass


async def _call_and_write(late: House) -> None:
    """Have the object written too: its name is that of the lost one, with the same log and as many changes."""
    await _call(late)
    await _write(late)


async def _write_after_an_event(late: House) -> None:
    """Have an object of as many changes written under a larger log, and another one after it."""
    await _call(late)
    await available(late, "rec-2", call_ref="call-2")
    while await late.vault.jobs.log_publisher.sequence():
        pass
    await _write(late)
    await set_policy(late, withdrawal="restrict")
    await _write(late)


@pytest.mark.parametrize("serve", [_nothing, _call, _call_and_write, _write_after_an_event])
async def test_what_they_seal_is_read_after_an_old_backup_has_served(
    either: House,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    threads: Threads,
    serve: Callable[[House], Awaitable[None]],
):
    """Also where the backup served a while, and made as many changes without an event as it had lost."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await later.vault.recordings.calls.start(later.account.id, CallFacts(call_ref="call-1"))
        # Before any event: the name of the object has the log of the backup.
        assert await later.vault.jobs.write_account_objects()
        recording_id = await available(later, "rec-1", call_ref="call-1")
        await write_all(later)
        async with house_over(later, old, threads) as late:
            await serve(late)
            await late.vault.backup.restore(actor="operator")
            await write_all(late)
            assert await late.heard(recording_id)

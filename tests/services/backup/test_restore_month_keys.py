"""Month keys of the true database: no event names them, and every recording of their month needs them."""

from pathlib import Path

import pytest

from tests.support.restoring import available, backed_up, house_over, write_all
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.thread_pools import Threads


@pytest.mark.parametrize("busy", ["idle", "with a key of its own", "with a key of its own that is written"])
async def test_what_they_seal_is_read_after_an_old_backup_has_served(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, busy: str
):
    """Also where the backup served a while, and made as many changes without an event as it had lost."""
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        account_id = later.account.id
        await later.vault.calls.start(account_id, CallFacts(call_ref="call-1"))
        # Before any event: the name of the object has the log of the backup.
        assert await later.vault.jobs.write_account_objects()
        recording_id = await available(later, "rec-1", call_ref="call-1")
        await write_all(later)
        async with house_over(later, old, threads) as late:
            if busy != "idle":
                await late.vault.calls.start(account_id, CallFacts(call_ref="call-2"))
            if busy.endswith("written"):
                while await late.vault.jobs.write_account_objects():
                    pass
            await late.vault.restore(actor="operator")
            await write_all(late)
            assert await late.heard(recording_id)

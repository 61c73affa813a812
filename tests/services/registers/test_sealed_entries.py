"""Entries of registers behind the doors: concurrent changes, a rotation meanwhile, and the bucket alone."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.support.restoring import empty_house, write_all
from tests.support.rotation import ME, RECIPIENT, finish, rotate
from tests.support.service_house import House
from vault.domain.registers.checks import MAX_RECIPIENTS
from vault.domain.registers.entries import Contact, ProcessingProfile
from vault.errors import Invalid, Refused
from vault.thread_pools import Threads

PROFILE = ProcessingProfile(controller=Contact(name="Acme"), persons=("callers",))


async def test_concurrent_changes_are_not_lost(either: House):
    """Each of ten requests adds a part; all parts are there, and each is a revision and an event."""
    vault, account_id = either.vault, either.account.id
    entry = await vault.registers.recipients.enter(account_id, RECIPIENT, **ME)

    async def cover(number: int) -> None:
        def merge(before):
            return replace(before, covers=(*before.covers, f"connection/{number}"))

        await vault.registers.recipients.change(account_id, entry.id, merge, **ME)

    await asyncio.gather(*(cover(number) for number in range(10)))
    found = await vault.registers.recipients.get(account_id, entry.id)
    assert sorted(found.content.covers) == [f"connection/{number}" for number in range(10)]
    assert found.revision == 11
    await vault.jobs.log_publisher.sequence()
    assert (await either.events()).count("recipient.changed") == 10


async def test_one_of_two_first_records_wins(either: House):
    """An account has one record, no matter who sets it first; the other is told that it was changed."""
    sets = [
        either.vault.registers.processing_records.set(
            either.account.id, replace(PROFILE, authority=str(number)), if_revision=0, **ME
        )
        for number in range(2)
    ]
    results = await asyncio.gather(*sets, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Entry", "Refused"]


async def test_a_full_register_takes_no_more(either: House):
    """Anybody can open the privacy page, which reads all: concurrent entries do not exceed the maximum either."""
    recipients = either.vault.registers.recipients
    bounded = replace(recipients, entries=replace(recipients.entries, most=3))
    enter = [bounded.enter(either.account.id, RECIPIENT, **ME) for _ in range(6)]
    results = await asyncio.gather(*enter, return_exceptions=True)
    refused = [one for one in results if isinstance(one, Invalid)]
    assert [one.field for one in refused] == ["name"] * 3
    assert len(await recipients.entries.every(either.account.id)) == 3
    assert recipients.entries.most == MAX_RECIPIENTS


async def test_a_stale_revision_changes_nothing(either: House):
    """The content and the number of events stay."""
    first = await either.vault.registers.processing_records.set(
        either.account.id, PROFILE, if_revision=None, **ME
    )
    with pytest.raises(Refused):
        await either.vault.registers.processing_records.set(
            either.account.id, ProcessingProfile(), if_revision=first.revision + 1, **ME
        )
    record = await either.vault.registers.processing_records.read(either.account)
    assert record.content == PROFILE


async def test_an_entry_opens_after_a_rotation_and_can_be_changed(either: House):
    """The old version is destroyed, and nothing is left under it."""
    vault, account_id = either.vault, either.account.id
    entry = await vault.registers.recipients.enter(account_id, RECIPIENT, **ME)
    await rotate(either)
    await finish(either)
    assert (await vault.registers.recipients.get(account_id, entry.id)).content == RECIPIENT
    ended = await vault.registers.recipients.end(account_id, entry.id, date(2026, 2, 1), **ME)
    assert ended.content.until == date(2026, 2, 1)


async def test_registers_come_back_from_the_bucket_alone(house: House, tmp_path: Path, threads: Threads):
    """With their content and revisions, opened by the restored keys."""
    account_id = house.account.id
    recipient = await house.vault.registers.recipients.enter(account_id, RECIPIENT, **ME)
    profile = await house.vault.registers.processing_records.set(account_id, PROFILE, if_revision=None, **ME)
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as restored:
        await restored.vault.backup.restore(actor="operator")
        assert await restored.vault.registers.recipients.get(account_id, recipient.id) == recipient
        assert (await restored.vault.registers.processing_records.read(restored.account)).profile == profile

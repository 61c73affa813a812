"""Requests of authorities for preservation: an entry and its hold are written together, or neither is."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.support.rotation import ME
from tests.support.service_house import House
from vault.database.stores.registers import RegisterRows
from vault.domain.registers.entries import AuthorityRequest
from vault.errors import Busy, Unavailable

REQUEST = AuthorityRequest(
    received_at=datetime(2026, 1, 2, tzinfo=UTC),
    authority="Parquet de Lyon",
    country="FR",
    kind="preservation",
    access="stored",
    scope="content",
    numbers=("+14155550100",),
)


async def held(house: House) -> list[str]:
    """Return the ids of all holds."""
    return [
        view.hold.id
        for view in await house.vault.retention.holds.page(house.account.id, after=None, limit=100)
    ]


def number(last: int) -> str:
    """Return a number."""
    return f"+141555502{last:02}"


def fail_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a write of the registers fail one time."""
    works, failed = getattr(RegisterRows, name), []

    def fails(*given):
        if not failed:
            failed.append(name)
            raise Unavailable("The database is away.")
        return works(*given)

    monkeypatch.setattr(RegisterRows, name, fails)


async def test_without_its_entry_nothing_is_held(either: House, monkeypatch: pytest.MonkeyPatch):
    """So the request that is sent again has one hold, which its entry names, and a release ends all."""
    vault, account_id = either.vault, either.account.id
    fail_once(monkeypatch, "add")
    with pytest.raises(Unavailable):
        await vault.registers.authority_requests.enter(account_id, REQUEST, **ME)
    assert await held(either) == []
    entry = await vault.registers.authority_requests.enter(account_id, REQUEST, **ME)
    assert await held(either) == list(entry.content.holds) != []


async def test_a_change_that_is_not_written_holds_nothing(either: House, monkeypatch: pytest.MonkeyPatch):
    """Nor does it when it is sent again, besides its number."""
    vault, account_id = either.vault, either.account.id
    entry = await vault.registers.authority_requests.enter(account_id, REQUEST, **ME)
    fail_once(monkeypatch, "replace")

    def merge(before: AuthorityRequest) -> AuthorityRequest:
        return replace(before, numbers=(*before.numbers, number(1)))

    with pytest.raises(Unavailable):
        await vault.registers.authority_requests.change(account_id, entry.id, merge, **ME)
    assert await held(either) == list(entry.content.holds)
    changed = await vault.registers.authority_requests.change(account_id, entry.id, merge, **ME)
    assert sorted(await held(either)) == sorted(changed.content.holds)
    assert len(changed.content.holds) == 2


async def test_numbers_added_at_once_are_all_held(either: House):
    """Each has a hold of its own, which the entry names."""
    vault, account_id = either.vault, either.account.id
    entry = await vault.registers.authority_requests.enter(account_id, REQUEST, **ME)

    async def add(last: int) -> None:
        def merge(before: AuthorityRequest) -> AuthorityRequest:
            return replace(before, numbers=(*before.numbers, number(last)))

        await vault.registers.authority_requests.change(account_id, entry.id, merge, **ME)

    await asyncio.gather(*(add(last) for last in range(6)))
    found = (await vault.registers.authority_requests.get(account_id, entry.id)).content
    assert len(found.numbers) == len(found.holds) == 7
    assert sorted(found.holds) == sorted(await held(either))


async def test_of_two_equal_lists_one_is_held(either: House):
    """The other request finds its numbers held, or is asked to come again; no hold is left without an entry."""
    vault, account_id = either.vault, either.account.id
    entry = await vault.registers.authority_requests.enter(account_id, REQUEST, **ME)

    def merge(before: AuthorityRequest) -> AuthorityRequest:
        return replace(before, numbers=(*REQUEST.numbers, number(1)))

    change = vault.registers.authority_requests.change
    done = await asyncio.gather(
        *(change(account_id, entry.id, merge, **ME) for _ in range(4)), return_exceptions=True
    )
    assert not [one for one in done if isinstance(one, BaseException) and not isinstance(one, Busy)]
    found = (await vault.registers.authority_requests.get(account_id, entry.id)).content
    assert len(found.holds) == 2
    assert sorted(found.holds) == sorted(await held(either))

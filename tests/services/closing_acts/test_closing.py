"""What was closed stays closed: on record in the object store when its verb answers, and done again from there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.postgresql import PostgresqlServer, name_of
from tests.services.audit_log.test_access_log import leaves_of
from tests.services.closing_acts.closing_verbs import VERBS, prepared
from tests.support.restoring import copied, house_over, settle_journal, write_all
from tests.support.service_house import SIGNER, House, new_house, reopened
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.stored.closing_acts import decode_acts, parse_location
from vault.errors import Unavailable
from vault.services.closing_acts.journal import NOT_STORED, Journal, KeepJournal
from vault.thread_pools import Threads
from vault.tlog.note import open_note


def journal_of(house: House) -> Journal:
    """Return the journal."""
    return house.vault.jobs.keep_journal.journal


def keeper(house: House) -> KeepJournal:
    """Return the worker's verb, a minute later: nobody else is about to put what is not stored."""
    return replace(house.vault.jobs.keep_journal, clock=lambda: datetime.now(UTC) + timedelta(minutes=1))


def acts_in(house: House, prefix: str = "closing/") -> dict[str, list[EventType]]:
    """Return the kinds of the acts in the object store, by location."""
    found = {}
    for key, kept in house.objects.objects.items():
        if key.startswith(prefix):
            text = open_note(bytes(kept.body), [SIGNER.verifier]).text
            found[key] = [act.event.type for act in decode_acts(text, key)]
    return found


def puts(house: House) -> int:
    """Return how many calls the object store had."""
    return len(house.objects.calls)


@asynccontextmanager
async def store_without_acts(house: House, error: Exception | None = None) -> AsyncIterator[None]:
    """Let the store refuse the objects of acts, as if it could not be reached."""
    put = house.objects.put

    async def refuse(key: str, body: bytes, **how: Any) -> bool:
        if key.startswith("closing/"):
            raise error or Unavailable("The store does not answer.")
        return await put(key, body, **how)

    house.objects.put = refuse  # type: ignore[method-assign]
    yield
    house.objects.put = put  # type: ignore[method-assign]


def test_every_type_that_closes_something_is_tried():
    """By a verb below; the destruction of a key in test_journal.py."""
    assert {verb.kind for verb in VERBS.values()} | {"key.destroyed"} == set(CLOSING)


async def test_only_a_write_that_stores_the_object_closes_something(house: House):
    """A write past the journal would answer before the act survives a loss, so it fails, and changes nothing."""
    revoked = AccessEvent(
        type="link.revoked", at=datetime.now(UTC), account_id=house.account.id, actor="x", link_id="link_1"
    )
    with pytest.raises(ValueError, match="JournaledDatabase"):
        await house.database.write(lambda tx: tx.events.append(revoked))
    await house.vault.database.write(lambda tx: tx.events.append(revoked))
    assert [*acts_in(house).values()] == [["link.revoked"]]


async def test_an_act_whose_object_cannot_be_put_is_said_to_stand(house: House):
    """503 with the true sentence; it is closed; doing it again puts the object, and then its answer is good."""
    things = await prepared(house)
    for name, verb in VERBS.items():
        before = set(acts_in(house))
        async with store_without_acts(house):
            with pytest.raises(Unavailable) as raised:
                await verb.close(house, things[name])
            assert str(raised.value) == NOT_STORED, name
            assert await verb.closed(house, things[name]), name
            assert set(acts_in(house)) == before, name
            # Without its object it is not answered well the second time either.
            with pytest.raises(Unavailable):
                await verb.close(house, things[name])
        await verb.close(house, things[name])
        new = [kind for key, kinds in acts_in(house).items() if key not in before for kind in kinds]
        assert verb.kind in new, name


async def test_what_a_crash_left_is_put_by_the_worker(house: House, tmp_path: Path, threads: Threads):
    """The process dies between the commit and the object; what another one puts is exactly what was not there."""
    things = await prepared(house)
    done, before, began = [], acts_in(house), datetime.now(UTC)
    async with store_without_acts(house, asyncio.CancelledError()):
        for name, verb in VERBS.items():
            with pytest.raises(asyncio.CancelledError):
                await verb.close(house, things[name])
            done.append(verb.kind)
    assert acts_in(house) == before
    house = reopened(house, tmp_path, threads)
    try:
        # Who did them may be about to put them.
        assert not await replace(house.vault.jobs.keep_journal, clock=lambda: began).any_due()
        assert await keeper(house).any_due()
        while await keeper(house)():
            pass
        put = [kind for key, kinds in acts_in(house).items() if key not in before for kind in kinds]
        # Two withdrawals restrict besides, one of them to wait for an erasure, with a cut of what was signed; two links
        # went together with a cut, and what is approved is done in the transaction that says it was executed.
        more = ["recording.restricted", "recording.restricted", "consent.told", "link.revoked"]
        more += ["approval.executed", "hold.released", *["link.cut"] * 3]
        assert sorted(put) == sorted([*done, *more])
        assert {parse_location(key)[0] for key in acts_in(house)} == {house.account.id, None}
        assert not await keeper(house).any_due()
    finally:
        house.database.close()


Copy = Callable[[House], Awaitable[SqliteDatabase | PostgresqlDatabase]]


@pytest.fixture(params=["sqlite", "postgresql"])
async def aged(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[Any]:
    """A vault, and a function that returns its database as it is at that moment, on either database."""
    if request.param == "sqlite":

        async def copy(house: House) -> SqliteDatabase:
            return SqliteDatabase(copied(house, tmp_path / "old"))

        async with new_house(tmp_path, threads) as house:
            yield house, copy
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    url = request.getfixturevalue("migrated_url")

    async def fork(house: House) -> PostgresqlDatabase:
        house.database._pool.disconnect()
        return PostgresqlDatabase(server.new_database(template=name_of(url)))

    async with new_house(tmp_path, threads, PostgresqlDatabase(url)) as house:
        yield house, fork


async def test_an_older_database_is_told_what_was_closed_since(aged: tuple[House, Copy], threads: Threads):
    """All of it is named, is closed again, and then nothing is missing; a second time changes nothing."""
    house, copy = aged
    things = await prepared(house)
    old = await copy(house)
    for name, verb in VERBS.items():
        await verb.close(house, things[name])
    assert await journal_of(house).missing(house.database) == []
    async with house_over(house, old, threads) as late:
        journal = journal_of(late)
        missing = await journal.missing(late.database)
        assert [act.event.at for act in missing] == sorted(act.event.at for act in missing)
        assert {verb.kind for verb in VERBS.values()} <= {act.event.type for act in missing}
        for name, verb in VERBS.items():
            assert not await verb.closed(late, things[name]), name
        for act in missing:
            await late.vault.database.write(lambda tx, act=act: journal.apply(tx, act))
        for name, verb in VERBS.items():
            assert await verb.closed(late, things[name]), name
        assert await journal.missing(late.database) == []
        while await late.vault.jobs.log_publisher.sequence():
            pass
        leaves = await leaves_of(late)
        assert {act.leaf for act in missing} <= set(leaves)
        for act in missing:
            await late.vault.database.write(lambda tx, act=act: journal.apply(tx, act))
        while await late.vault.jobs.log_publisher.sequence():
            pass
        assert await leaves_of(late) == leaves


@pytest.mark.parametrize("write", [write_all, settle_journal], ids=["journal", "log"])
async def test_an_older_database_is_closed_by_a_restore(
    aged: tuple[House, Copy], threads: Threads, write: Callable[[House], Awaitable[None]]
):
    """The account's object has what was closed before the acts are repeated: what they end is ended nevertheless."""
    house, copy = aged
    things = await prepared(house)
    await write_all(house)
    old = await copy(house)
    for name, verb in VERBS.items():
        await verb.close(house, things[name])
    await write(house)
    async with house_over(house, old, threads) as late:
        await late.vault.backup.restore(actor="operator")
        open_again = [name for name, verb in VERBS.items() if not await verb.closed(late, things[name])]
    assert not open_again

"""Case 39: what a person has granted is revoked at the system once its integration has ended."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.handover.test_systems import activated
from tests.support.handing import ME, call, follow, hand_over, logged, states
from tests.support.restoring import copied, house_over, write_all
from tests.support.service_house import LONG_AGO, House
from vault.crm.registry import SYSTEMS
from vault.database.account_parts.integrations import INTEGRATIONS
from vault.database.account_parts.part import Target
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.handover import integrations
from vault.database.transaction import Transaction
from vault.domain.handover.integration import StoredIntegration
from vault.services.audit_log.access_log import EventFilter
from vault.services.handover.credentials import IntegrationChange
from vault.simulator.crm.crm import Fault, SimulatedCrm
from vault.simulator.exchange import json_reply
from vault.thread_pools import Threads

_BY_NAME = {one.name: one for one in SYSTEMS}
_REVOKED_AT = [one.name for one in SYSTEMS if one.oauth is not None and one.oauth.revoke is not None]


async def stored(house: House) -> StoredIntegration:
    """Return the one integration."""
    (found,) = await house.database.read(lambda tx: tx.integrations.of_account(house.account.id))
    return found


async def end(house: House, *, removes: bool) -> None:
    """End it, and let everything be removed."""
    verbs, mine = house.vault.handover.integrations, await stored(house)
    await verbs.end(house.account.id, mine.id, removes=removes, **ME)
    await hand_over(house, rounds=3)
    await follow(house)


async def results(house: House) -> list[str]:
    """Return how the revocation ended, by the log."""
    await house.database.write(lambda tx: tx.tree.settle())
    read = house.vault.audit_log.access_log.list_events
    page = await read(house.account.id, EventFilter(), start=0, limit=1000)
    events = [logged.event for logged, _ in page.items]
    return [(one.result or "").split("/")[1] for one in events if one.type == "integration.revoked"]


def asked_to_revoke(peer: SimulatedCrm) -> list[int]:
    """Return the places of the requests for a revocation."""
    return [place for place, one in enumerate(peer.asked) if one.path == peer.tokens.revoke_path]


async def publish(house: House) -> None:
    """Publish the log, and write nothing else to the object store."""
    publisher = house.vault.jobs.log_publisher
    while await publisher.sequence():
        pass
    await replace(publisher, sign_interval=timedelta(0)).sign()
    await replace(publisher, publish_interval=timedelta(0)).publish()


@pytest.mark.parametrize("name", _REVOKED_AT)
async def test_case_39_a_grant_is_revoked_after_the_last_removal(house: House, name: str):
    """What stands there is removed with the grant, then it is revoked, and nothing of it is kept."""
    peer = await activated(house, _BY_NAME[name], by_app=True)
    await call(house)
    await hand_over(house, rounds=2)
    await end(house, removes=True)
    assert await states(house) == ["absent"]
    ended = await stored(house)
    assert ended.state == "ended"
    assert ended.is_revoking
    assert peer.tokens.refresh
    await house.vault.jobs.revoke_grants.run()
    assert asked_to_revoke(peer) == [len(peer.asked) - 1]
    assert not peer.tokens.refresh | peer.tokens.access
    assert (await stored(house)).sealed == ""
    assert (await results(house)) == ["revoked"]
    await house.vault.jobs.revoke_grants.run()
    assert len(asked_to_revoke(peer)) == 1


@pytest.mark.parametrize("is_published", [False, True])
@pytest.mark.parametrize("name", ["zoho", "freshdesk"])
async def test_an_old_copy_that_learns_of_the_end_revokes_the_grant(
    house: House, tmp_path: Path, threads: Threads, name: str, is_published: bool
):
    """By the object of the act, or by the published log; a static key, which no system revokes, is deleted."""
    peer = await activated(house, _BY_NAME[name])
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await house.vault.handover.integrations.end(
        house.account.id, (await stored(house)).id, removes=False, **ME
    )
    if is_published:
        await publish(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert (await stored(new)).state == "ended"
        await new.vault.jobs.revoke_grants.run()
        assert (await stored(new)).sealed == ""
        is_granted = name == "zoho"
        assert await results(new) == (["revoked"] if is_granted else [])
        assert len(asked_to_revoke(peer)) == is_granted


@pytest.mark.parametrize("has_ended", [False, True])
async def test_an_old_copy_that_learns_of_the_revocation_does_not_ask_again(
    house: House, tmp_path: Path, threads: Threads, has_ended: bool
):
    """The copy is from before the end, or has the grant that was kept; the log says that it was revoked since.

    The account's object is that of before the revocation, as where nobody has written it since.
    """
    peer = await activated(house, _BY_NAME["zoho"])
    before_end = copied(house, tmp_path / "before")
    await end(house, removes=False)
    await write_all(house)
    old = copied(house, tmp_path / "old") if has_ended else before_end
    await house.vault.jobs.revoke_grants.run()
    await publish(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert (await stored(new)).state == "ended"
        assert (await stored(new)).sealed == ""
        await new.vault.jobs.revoke_grants.run()
    assert len(asked_to_revoke(peer)) == 1


async def test_an_old_object_does_not_bring_the_grant_back(house: House, threads: Threads):
    """The row is of after the revocation, and the account's object, in each of its states, of before it."""
    peer = await activated(house, _BY_NAME["zoho"])
    older = [await stored(house)]
    for removes in (True, False):
        await house.vault.handover.integrations.end(house.account.id, older[0].id, removes=removes, **ME)
        older.append(await stored(house))
    assert [one.state for one in older] == ["active", "removing", "ended"]
    await house.vault.jobs.revoke_grants.run()
    revoked = await stored(house)

    def set_again(tx: Transaction) -> None:
        target = Target(db=tx.connection, account_id=house.account.id, keys={}, prompts={})
        for one in older:
            INTEGRATIONS.replace((one,), target)
            INTEGRATIONS.add_lost((one,), target)

    await house.database.write(set_again)
    assert await stored(house) == revoked
    await house.vault.jobs.revoke_grants.run()
    assert len(asked_to_revoke(peer)) == 1


async def test_a_revocation_is_tried_for_a_day(either: House):
    """While nobody answers the grant is kept, sealed; after a day it is deleted, and the log says so."""
    peer = await activated(either, _BY_NAME["zoho"])
    await end(either, removes=False)
    run = either.vault.jobs.revoke_grants.run
    for status in (503, 429):
        peer.faults.append(Fault(reply=json_reply(status, {}), part="revoke"))
        await run()
        assert (await stored(either)).is_revoking
    assert "integration.revoked" not in await logged(either)
    query = update(integrations).values(changed_at=LONG_AGO)
    await either.database.write(lambda tx: tx.connection.execute(query) and None)
    peer.faults.append(Fault(reply=json_reply(503, {}), part="revoke"))
    await run()
    assert not (await stored(either)).is_revoking
    assert await results(either) == ["unanswered"]


async def test_a_grant_that_is_not_valid_any_more_is_not_asked_for_again(either: House):
    """The system refuses the revocation: the admin has ended the grant there before."""
    peer = await activated(either, _BY_NAME["salesforce"])
    peer.tokens.revoke()
    await end(either, removes=False)
    await either.vault.jobs.revoke_grants.run()
    assert not (await stored(either)).is_revoking
    assert await results(either) == ["refused"]


@pytest.mark.parametrize("name", ["freshdesk", "zendesk"])
async def test_nothing_is_kept_that_no_system_revokes(either: House, name: str):
    """A static key, and a grant of a system without such a request, are deleted with the end itself."""
    await activated(either, _BY_NAME[name])
    await end(either, removes=False)
    assert (await stored(either)).sealed == ""
    assert "integration.revoked" not in await logged(either)


async def test_what_is_kept_has_no_description(either: House):
    """What a person typed about the integration goes with its end."""
    await activated(either, _BY_NAME["zoho"])
    verbs = either.vault.handover.integrations
    (view,) = await verbs.list(either.account.id)
    await verbs.change(
        either.account.id, view.integration.id, IntegrationChange(description="Sales of the north"), **ME
    )
    await end(either, removes=False)
    (view,) = await verbs.list(either.account.id)
    assert view.integration.is_revoking
    assert view.secrets.description == ""

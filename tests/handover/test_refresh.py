"""Tokens of OAuth: one node refreshes them, and a revoked grant is said once."""

import asyncio

import pytest

from tests.fakes.crm import HOST, NotebookPeer
from tests.support.authorizing import activated, authorize, set_integrations, unsent
from tests.support.handing import (
    ME,
    call,
    erase,
    follow,
    hand_over,
    logged,
    states,
)
from tests.support.outbox import send_due
from tests.support.service_house import LONG_AGO, House
from vault.database.stores.handover.integrations import IntegrationRows
from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed
from vault.services.handover.credentials import IntegrationChange


async def test_case_8_two_workers_refresh_once(nodes: tuple[House, House], grantor: NotebookPeer):
    """Both find the token expired at the same time, against a system that ends the former pair: one refresh."""
    first, second = nodes
    second.outside.peers[HOST] = grantor
    view = await activated(first, grantor)
    await authorize(first, grantor, view)
    for ref in ("rec-1", "rec-2", "rec-3"):
        await call(first, ref)
    await follow(first)
    grantor.tokens.access.clear()
    both = asyncio.Barrier(2)

    async def meanwhile(name: str) -> None:
        if name == "GET /contacts" and grantor.requests.count("GET /contacts") <= 2:
            async with asyncio.timeout(20):
                await both.wait()

    grantor.meanwhile = meanwhile
    await asyncio.gather(send_due(first), send_due(second))
    await hand_over(first, rounds=3)
    assert grantor.requests.count("POST /token") == 2
    assert await states(first) == ["present"] * 3
    assert "integration.needs_authorization" not in await logged(first)


@pytest.mark.parametrize("system", ["ledger", "folio"])
async def test_case_9_a_process_that_dies_with_the_new_pair(
    either: House, grantor: NotebookPeer, monkeypatch: pytest.MonkeyPatch, system: str
):
    """Where the system has ended the former pair a person is asked for, and nothing is repeated; else it goes on."""
    grantor.tokens.rotates = system == "ledger"
    view = await activated(either, grantor, system)
    await authorize(either, grantor, view)
    await call(either)
    grantor.tokens.access.clear()

    def die(*_: object) -> None:
        raise RuntimeError("The process dies.")

    with monkeypatch.context() as dying:
        dying.setattr(IntegrationRows, "keep_grant", die)
        await hand_over(either)
    assert grantor.requests.count("POST /token") == 2
    # Nobody else refreshes while its lease lasts; when it is over, its outcome is unknown.
    await set_integrations(either, refreshing_until=LONG_AGO)
    await hand_over(either, rounds=4)
    is_lost = system == "ledger"
    assert grantor.requests.count("POST /token") == (2 if is_lost else 3)
    assert (await logged(either)).count("integration.needs_authorization") == is_lost
    assert await states(either) == ["waiting" if is_lost else "present"]
    if is_lost:
        await authorize(either, grantor, view)
        await hand_over(either, rounds=2)
        assert await states(either) == ["present"]


async def test_case_7_a_revoked_grant_is_said_once(either: House, grantor: NotebookPeer):
    """No refresh after ``invalid_grant``; after the next authorization removals go before what waits."""
    view = await activated(either, grantor)
    await authorize(either, grantor, view)
    first = await call(either)
    await hand_over(either)
    grantor.tokens.revoke()
    for ref in ("rec-2", "rec-3"):
        await call(either, ref)
    await hand_over(either, rounds=3)
    await erase(either, first)
    await hand_over(either, rounds=3)
    assert grantor.requests.count("POST /token") == 2
    assert (await logged(either)).count("integration.needs_authorization") == 1
    assert sorted(await states(either)) == ["present", "waiting", "waiting"]
    before = len(grantor.requests)
    await authorize(either, grantor, view)
    await hand_over(either, rounds=3)
    assert grantor.requests[before : before + 2] == ["POST /token", "PATCH /records/r1"]
    assert sorted(await states(either)) == ["absent", "present", "present"]


@pytest.mark.parametrize(
    ("answer", "is_lost"),
    [
        (Answer(status=503), False),
        (Answer(status=429, headers={"retry-after": "37"}), False),
        (unsent(), False),
        (FetchFailed("The host did not respond in time.", host_down=True), True),
        (Answer(status=200, body=b"<html>"), True),
    ],
)
async def test_a_refresh_whose_outcome_nobody_knows(
    either: House, grantor: NotebookPeer, answer: Answer | FetchFailed, is_lost: bool
):
    """A system that says it gave nothing is asked again; one that may have rotated the pair is not."""
    view = await activated(either, grantor)
    await authorize(either, grantor, view)
    await call(either)
    grantor.tokens.access.clear()
    grantor.answers["POST /token"] = [answer]
    await hand_over(either, rounds=3)
    assert await states(either) == ["waiting" if is_lost else "present"]
    assert (await logged(either)).count("integration.needs_authorization") == is_lost
    assert grantor.requests.count("POST /token") == (2 if is_lost else 3)


async def test_an_expired_token_is_renewed_before_it_is_used(either: House, grantor: NotebookPeer):
    """By its time: nothing is sent with it. The description that a person changes meanwhile stays."""
    grantor.tokens.expires_in = 59
    view = await activated(either, grantor)
    await authorize(either, grantor, view)
    await call(either)

    async def meanwhile(name: str) -> None:
        if name == "POST /token":
            grantor.meanwhile = None
            change = IntegrationChange(description="of sales")
            await either.vault.handover.integrations.change(
                either.account.id, view.integration.id, change, **ME
            )

    grantor.meanwhile = meanwhile
    await hand_over(either)
    assert grantor.requests[:3] == ["POST /token", "POST /token", "GET /contacts"]
    assert await states(either) == ["present"]
    seen = await either.vault.handover.integrations.read(either.account.id, view.integration.id)
    assert seen.secrets.description == "of sales"
    assert seen.secrets.grant is not None
    assert seen.secrets.grant.refresh_token in grantor.tokens.refresh


async def test_tokens_that_nobody_uses_are_kept_alive(either: House, grantor: NotebookPeer):
    """Where the system lets them die; those that were used are left alone."""
    view = await activated(either, grantor)
    await authorize(either, grantor, view)
    keep = either.vault.jobs.keep_grants.run
    await keep()
    assert grantor.requests.count("POST /token") == 1
    await set_integrations(either, granted_at=LONG_AGO)
    await keep()
    await keep()
    assert grantor.requests.count("POST /token") == 2
    await call(either)
    await hand_over(either)
    assert await states(either) == ["present"]

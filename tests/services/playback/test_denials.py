"""A link that opens no more does not fill the log, from however many addresses and nodes it is asked for."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.counts import count
from tests.support.listening import recording_of
from tests.support.permissions import link_wish
from tests.support.service_house import House, another_node, node_on
from vault import metrics
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.core import links
from vault.database.stores.audit_log import access_events
from vault.database.stores.hot import open_sessions
from vault.domain.audit_log.log_allowance import DENIAL_BURST
from vault.domain.playback.link import MAX_LIFETIME, denials_allowed
from vault.errors import NotFound
from vault.thread_pools import Threads


async def denied(house: House, token: str, number: int) -> None:
    """Ask for a link that opens no more, from an address of its own."""
    with pytest.raises(NotFound):
        await house.vault.playback.open_links.open(
            token, nonce=secrets.token_hex(8), address=f"2a00:1:2:{number:x}::1", agent=""
        )


def not_logged() -> float:
    """Return how many refusals were not logged."""
    return float(metrics.DENIALS_NOT_LOGGED._value.get())


async def logged(house: House, recording: str) -> int:
    """Return how many refusals of the recording's links are in the log."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    return (await house.events(recording)).count("playback.denied")


@pytest.mark.parametrize("why", ["used up", "another network", "expired"])
async def test_refusals_of_one_link_have_an_allowance(
    either: House, tmp_path: Path, threads: Threads, why: str
):
    """Over two nodes; all are refused, those beyond are counted, and another link has its own allowance."""
    recording, tries = await recording_of(either, "Kim"), count("refusals of one link", small=160, full=1000)
    networks = ["192.0.2.0/24"] if why == "another network" else []
    tokens = []
    for _ in range(2):
        wish = link_wish(sessions=1, networks=networks)
        _, token = await either.vault.playback.links.create(
            either.account.id, recording, wish, actor="key_test"
        )
        tokens.append(token.text)
        if why == "used up":
            await either.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="")
    if why == "expired":
        past = update(links).values(expires_at=links.c.created_at)
        await either.database.write(lambda tx: tx.connection.execute(past) and None)
    if isinstance(either.database, PostgresqlDatabase):
        database = PostgresqlDatabase(either.database._pool._url)
        other = node_on(either, database, tmp_path, threads)
    else:
        database, other = None, another_node(either, tmp_path, threads)
    try:
        before = not_logged()
        for start in range(0, tries, 20):
            batch = [denied((either, other)[n % 2], tokens[0], n) for n in range(start, start + 20)]
            await asyncio.gather(*batch)
        kept = await logged(either, recording)
        # The link grows older by some minutes at most.
        assert DENIAL_BURST <= kept <= DENIAL_BURST + 30
        assert not_logged() - before == tries - kept
        await denied(either, tokens[1], 0)
        assert await logged(either, recording) == kept + 1
    finally:
        if database is not None:
            database.close()


def test_a_dead_link_gets_no_more_of_them():
    """The allowance grows with the life of the link, which is a day at most, and then no more."""
    assert denials_allowed(timedelta(days=400)) == denials_allowed(MAX_LIFETIME) < 2000
    assert denials_allowed(timedelta(seconds=-5)) == DENIAL_BURST


async def test_without_an_allowance_each_is_logged(either: House, monkeypatch: pytest.MonkeyPatch):
    """As it was once: what the test above counts is the allowance, and nothing else."""
    for decides in (open_sessions, access_events):
        monkeypatch.setattr(decides, "denials_allowed", lambda _: 10**9)
    recording = await recording_of(either, "Kim")
    wish = link_wish(sessions=1, networks=["192.0.2.0/24"])
    _, token = await either.vault.playback.links.create(either.account.id, recording, wish, actor="key_test")
    for number in range(DENIAL_BURST + 40):
        await denied(either, token.text, number)
    assert await logged(either, recording) == DENIAL_BURST + 40

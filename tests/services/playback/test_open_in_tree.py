"""An opened link: its event stands in the tree before the session exists for anyone, on both databases."""

import asyncio
import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from tests.support.service_house import House, another_node, new_house
from vault.database.engines.micro_batch import MicroBatch
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.sql.dialect import log_lock_key
from vault.domain.calls.call import CallFacts
from vault.domain.ids import Token
from vault.errors import Unavailable
from vault.services.audit_log.access_log import EventFilter
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads
from vault.tlog.proof_file import verify_proof_file


async def link_of(house: House, kind: str, *, sessions: int = 1) -> Token:
    """Bring a recording in and make a link to it."""
    recording = (await house.announce()).recording_id
    await house.settle(recording)
    wish = LinkRequest(listener="k", kind=kind, life=timedelta(hours=1), sessions=sessions)
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor="key_test")
    return token


async def opened_events(house: House) -> list[tuple[int, str | None]]:
    """Return index and session of every open that is in the tree."""
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    events = [(one.index, one.event) for one, _ in page.items]
    return [(index, event.session_id) for index, event in events if event.type == "playback.open"]


@pytest.mark.parametrize("kind", ["player", "media"])
async def test_a_session_has_its_event_in_the_tree(either: House, kind: str):
    """When the answer is there, so is the proof, though no sequencer has run."""
    token = await link_of(either, kind)
    if kind == "player":
        opened = await either.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="a")
        session_id = opened.session.id
    else:
        session, _ = await either.vault.playback.open_links.open_media(token.text, address=None, agent="a")
        session_id = session.id
    ((index, session_of_event),) = await opened_events(either)
    assert session_of_event == session_id
    leaf = (await either.database.read(lambda tx: tx.events.at(either.account.id, index))).leaf
    proof = await either.vault.audit_log.proofs.prove_event(either.account.id, index)
    verifier = either.vault.audit_log.proofs.signer.verifier
    assert verify_proof_file(proof, leaf, [verifier])[0] == index


async def test_first_gets_of_a_media_link_together_are_one_open(
    either: House, tmp_path: Path, threads: Threads
):
    """Eight at two nodes: a player fetches parts in parallel, and the log says once that it was opened.

    Wrong: an event for each, although all of them get the one session.
    """
    token = await link_of(either, "media")
    nodes = (either, another_node(either, tmp_path, threads)) * 4
    answers = await asyncio.gather(
        *(node.vault.playback.open_links.open_media(token.text, address=None, agent="a") for node in nodes)
    )
    (session_id,) = {session.id for session, _ in answers}
    assert [session for _, session in await opened_events(either)] == [session_id]


def impatient(database: PostgresqlDatabase) -> PostgresqlDatabase:
    """Return the same database, whose opens wait for a lock for a moment only."""
    other = copy.copy(database)
    call = other._call

    async def hurried(function, *, lane):
        def run(connection):
            if lane == "tree":
                connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
            return function(connection)

        return await call(run, lane=lane)

    other._call = hurried  # type: ignore[method-assign]
    other._opens = MicroBatch(other._open_group, writers=1)
    return other


@pytest.mark.parametrize("kind", ["player", "media"])
async def test_without_the_sequencer_there_is_no_session(
    tmp_path: Path, threads, postgresql: PostgresqlDatabase, migrated_url: str, kind: str
):
    """If the log's lock does not come in time, the open is Unavailable, and nobody has a session by it."""
    async with new_house(tmp_path, threads, postgresql) as house:
        token = await link_of(house, kind)
        sessions = replace(house.vault.playback.open_links, database=impatient(postgresql))

        async def open_it() -> str:
            if kind == "player":
                return (await sessions.open(token.text, nonce="n", address=None, agent="a")).session.id
            return (await sessions.open_media(token.text, address=None, agent="a"))[0].id

        with psycopg.connect(migrated_url) as hanging:
            hanging.execute("SELECT pg_advisory_xact_lock(%s)", (log_lock_key(),))
            with pytest.raises(Unavailable):
                await open_it()
            count = text("SELECT count(*) FROM sessions")
            assert await postgresql.read(lambda tx: tx.connection.execute(count).scalar_one()) == 0
            assert await opened_events(house) == []
        session_id = await open_it()
        assert [session for _, session in await opened_events(house)] == [session_id]


async def test_opens_that_wait_for_the_tree_hold_up_nobody_else(
    tmp_path: Path,
    threads,
    postgresql: PostgresqlDatabase,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """Forty opens wait behind another node's lock on one thread; calls start meanwhile; those who wait settle once.

    Wrong: an open with a transaction of its own, for twelve of them take every thread of the writes.
    """
    async with new_house(tmp_path, threads, postgresql) as house:
        token = await link_of(house, "player", sessions=100)
        batches: list[int] = []
        group = postgresql._open_group

        async def counted(batch):
            batches.append(len(batch))
            return await group(batch)

        monkeypatch.setattr(postgresql._opens, "_write", counted)
        with psycopg.connect(migrated_url) as holder:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", (log_lock_key(),))
            opens = [
                asyncio.ensure_future(
                    house.vault.playback.open_links.open(
                        token.text, nonce=f"n{number}", address=None, agent="a"
                    )
                )
                for number in range(40)
            ]
            while len(postgresql._opens._waiting) + sum(batches) < 40:
                await asyncio.sleep(0.01)
            await asyncio.gather(
                *(
                    house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref=f"call-{number}"))
                    for number in range(20)
                )
            )
            assert not any(task.done() for task in opens)
            assert len(postgresql._pool._threads["tree"]._threads) == 1
        assert len({one.session.id for one in await asyncio.gather(*opens)}) == 40
        assert len(batches) <= 2  # One, if all forty came before the first batch began.
        assert sorted(session for _, session in await opened_events(house)) == sorted(
            task.result().session.id for task in opens
        )

"""The database port, the same on SQLite and PostgreSQL: transactions, announcements and grants."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from tests.support.database_rows import (
    NOW,
    account,
    announcement,
    available,
    columns,
    event,
    link,
    logged,
    open_account,
    raising,
    session,
    set_columns,
    settle,
    switch,
)
from vault.database.interface import Database
from vault.database.stores.hot.statements import Grant
from vault.domain.recordings.recording import RecordingFilter, State
from vault.errors import NotFound, Refused, Unavailable


async def test_what_was_written_is_read(database: Database):
    """A value that a write returned for is there for the next read."""
    await database.write(lambda tx: tx.metadata.put({"vault": b"\x00\xff", "proof": b""}))
    assert await database.read(lambda tx: tx.metadata.get("vault")) == b"\x00\xff"
    assert await database.read(lambda tx: tx.metadata.get("proof")) == b""
    assert await database.read(lambda tx: tx.metadata.get("nothing")) is None


async def test_facts_of_the_vault_are_set_once(database: Database):
    """A second put of one known fact changes nothing, not even the facts beside it."""
    await database.write(lambda tx: tx.metadata.put({"vault": b"1"}))
    with pytest.raises(Refused):
        await database.write(lambda tx: tx.metadata.put({"new": b"2", "vault": b"2"}))
    assert await database.read(lambda tx: tx.metadata.get("vault")) == b"1"
    assert await database.read(lambda tx: tx.metadata.get("new")) is None


@pytest.mark.parametrize("error", [ValueError("bad"), Refused("no"), asyncio.CancelledError()], ids=repr)
async def test_a_bad_function_undoes_only_itself(database: Database, error: BaseException):
    """Of thirty concurrent writes the ten that raise leave nothing, and the twenty others stand."""
    writes = [
        database.write(raising(error))
        if number % 3 == 0
        else database.write(lambda tx, name=f"fact {number}": tx.metadata.put({name: b"x"}))
        for number in range(30)
    ]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(answer, type(error)) for answer in answers] == [n % 3 == 0 for n in range(30)]
    facts = [
        await database.read(lambda tx, name=f"fact {number}": tx.metadata.get(name)) for number in range(30)
    ]
    assert facts == [None if number % 3 == 0 else b"x" for number in range(30)]
    assert await database.read(lambda tx: tx.metadata.get(f"undone {id(error)}")) is None


async def test_stop_iteration_comes_out_as_an_error(database: Database):
    """A function that runs off an iterator does not leave its caller waiting for ever."""
    for call in (database.write, database.read):
        with pytest.raises(RuntimeError, match="StopIteration"):
            await call(lambda _tx: next(iter(())))


async def test_a_mistake_of_a_function_is_its_own(database: Database):
    """A broken rule of the schema is raised to the one who broke it, and the neighbour stands."""
    await open_account(database)
    made = link("rec_1")
    twice, other = await asyncio.gather(
        database.write(lambda tx: (tx.links.insert(made, b"1"), tx.links.insert(made, b"2"))),
        database.write(lambda tx: tx.metadata.put({"neighbour": b"x"})),
        return_exceptions=True,
    )
    assert isinstance(twice, IntegrityError)
    assert other is None
    assert await database.read(lambda tx: tx.links.get("acct_a", made.id)) is None
    assert await database.read(lambda tx: tx.metadata.get("neighbour")) == b"x"


async def test_a_cancelled_callers_effect_stands(database: Database):
    """Cancelling the caller does not undo what it asked for."""
    task = asyncio.create_task(database.write(lambda tx: tx.metadata.put({"asked": b"x"})))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(lambda _tx: None)
    assert await database.read(lambda tx: tx.metadata.get("asked")) == b"x"


async def test_a_read_cannot_write(database: Database):
    """A function that writes in a read fails, and nothing is written."""
    with pytest.raises(Unavailable):
        await database.read(lambda tx: tx.metadata.put({"sneaked": b"x"}))
    assert await database.read(lambda tx: tx.metadata.get("sneaked")) is None


async def test_a_read_sees_one_snapshot(database: Database):
    """What commits in the middle of a read does not show in its second statement."""
    loop = asyncio.get_running_loop()

    def twice(tx):
        before = tx.metadata.get("fact")
        writing = database.write(lambda tx: tx.metadata.put({"fact": b"x"}))
        asyncio.run_coroutine_threadsafe(writing, loop).result()
        return before, tx.metadata.get("fact")

    assert await database.read(twice) == (None, None)
    assert await database.read(lambda tx: tx.metadata.get("fact")) == b"x"


async def test_after_closing_everything_is_unavailable(database: Database):
    """A closed database says Unavailable, whatever it is asked, and may be closed again."""
    database.close()
    database.close()
    for call in (
        database.write(lambda _tx: None),
        database.write(lambda _tx: None, urgent=True),
        database.read(lambda _tx: None),
        database.announce(announcement("ref")),
        database.grant(Grant(event=event("rec_1"), session_id=None)),
    ):
        with pytest.raises(Unavailable):
            await call


async def test_an_account_name_is_taken_once(database: Database):
    """Of twenty accounts that are opened under one name concurrently, one is."""
    opened = [account(f"acct_{number}", "acme") for number in range(20)]
    writes = [
        database.write(lambda tx, one=one: tx.accounts.insert(one, wrapped_key=b"w", wrapped_index_key=b"i"))
        for one in opened
    ]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert all(answer is None or isinstance(answer, Refused) for answer in answers)
    winner = opened[answers.index(None)]
    assert await database.read(lambda tx: tx.accounts.find("acme")) == winner
    assert await database.read(lambda tx: tx.accounts.current_key_version(winner.id)) == 1


async def test_an_id_beats_a_name_that_copies_it(database: Database):
    """Nobody gets between an account and its id by taking the id as a name."""
    await open_account(database)
    thief = account("acct_0", "acct_a")
    await database.write(lambda tx: tx.accounts.insert(thief, wrapped_key=b"w", wrapped_index_key=b"i"))
    found = await database.read(lambda tx: tx.accounts.find("acct_a"))
    assert found == account("acct_a")


async def test_the_switch_keeps_its_history(database: Database):
    """Only off makes the epoch grow, and setting what already is leaves no entry."""
    await open_account(database)
    for enabled in (True, False, False, True, True, False):
        await switch(database, enabled=enabled)
    history = await database.read(lambda tx: tx.accounts.switch_history("acct_a"))
    assert [(change.enabled, change.epoch) for change in history] == [
        (True, 0), (False, 1), (True, 1), (False, 2),
    ]  # fmt: skip
    assert (await database.read(lambda tx: tx.accounts.switch("acct_a"))).epoch == 2
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.accounts.switch("acct_b"))


async def test_announcements_of_one_reference_make_one_row(database: Database):
    """Two hundred announcements of three references concurrently make three rows and name them."""
    await open_account(database)
    announced = [announcement(f"ref-{number % 3}") for number in range(200)]
    answers = await asyncio.gather(*(database.announce(one) for one in announced))
    rows = await database.read(
        lambda tx: tx.recordings.page("acct_a", RecordingFilter(), before=None, limit=99)
    )
    by_ref = {row.recording_ref: row.id for row in rows}
    assert len(rows) == 3
    assert Counter(answer.created for answer in answers) == {True: 3, False: 197}
    assert [answer.recording_id for answer in answers] == [by_ref[one.recording_ref] for one in announced]
    assert {answer.state for answer in answers} == {State.RECEIVED}


async def test_the_same_announcement_repeated_is_created_once(database: Database):
    """A caller that repeats its very row, because it never heard the answer, hears of that row."""
    await open_account(database)
    one = announcement("ref")
    answers = await asyncio.gather(*(database.announce(one) for _ in range(5)))
    assert [answer.recording_id for answer in answers] == [one.id] * 5
    assert Counter(answer.created for answer in answers) == {True: 1, False: 4}


async def test_a_bad_announcement_harms_no_other(database: Database):
    """An unknown account, a repeated id or unstorable text fails its own row, and no neighbour's."""
    await open_account(database)
    good = [announcement(f"ref-{number}") for number in range(20)]
    unknown, taken = announcement("ref-x", "acct_none"), announcement("ref-y", id=good[0].id)
    garbled = announcement("ref-\ud800")
    group = [*good[:10], unknown, taken, garbled, *good[10:]]
    answers = await asyncio.gather(*(database.announce(one) for one in group), return_exceptions=True)
    bad = answers[10:13]
    assert [type(answer) for answer in bad] == [NotFound, Refused, UnicodeEncodeError]
    assert [answer.recording_id for answer in answers[:10] + answers[13:]] == [one.id for one in good]
    assert len(await database.read(lambda tx: tx.recordings.of_call("acct_a", "call-1"))) == 20


async def test_an_announcement_while_off_is_refused_for_good(database: Database):
    """It keeps neither its URL nor a way back: announced again while on, it is still refused."""
    await open_account(database)
    await switch(database, enabled=False)
    first = await database.announce(announcement("ref"))
    await switch(database, enabled=True)
    again = await database.announce(announcement("ref"))
    assert (first.state, first.created) == (State.REFUSED, True)
    assert (again.state, again.created, again.recording_id) == (State.REFUSED, False, first.recording_id)
    row = await columns(database, first.recording_id)
    assert (row["sealed_announcement"], row["epoch"]) == (None, 1)
    assert [reason["code"] for reason in row["reasons"]] == ["switch_off"]


async def test_an_announcement_is_kept_as_it_came(database: Database):
    """The grouped statement writes every column that the noun has."""
    await open_account(database)
    new = announcement("ref-é", call_started_at=NOW - timedelta(microseconds=1), call_ended_at=NOW)
    await database.announce(new)
    row = await database.read(lambda tx: tx.recordings.by_ref("acct_a", "conn_1", "ref-é"))
    kept = {name: getattr(row, name) for name in ("id", "account_id", "connection_id", "recording_ref")}
    assert kept == {name: getattr(new, name) for name in kept}
    assert (row.call_ref, row.received_at, row.call_started_at, row.call_ended_at) == (
        "call-1", NOW, NOW - timedelta(microseconds=1), NOW,
    )  # fmt: skip
    sealed = await database.read(lambda tx: tx.recordings.announcement(new.id))
    assert (sealed.message, sealed.key_version, sealed.month_key) == (b"sealed url", 1, None)


@pytest.fixture
async def playing(database: Database):
    """A recording that a session listens to."""
    await open_account(database)
    recording = await available(database)
    made = link(recording.id)
    opened = session(made)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    await database.write(lambda tx: tx.links.open_session(opened, secret_hash=b"s", nonce_hash=b"n"))
    return recording, made, opened


async def test_grants_of_a_good_session_are_durable_events(database: Database, playing):
    """Fifty windows concurrently are fifty events, exactly as they were written."""
    recording, _, opened = playing
    events = [event(recording.id, session_id=opened.id, first=n, end=n + 1) for n in range(50)]
    grants = [Grant(event=one, session_id=opened.id if n % 2 else None) for n, one in enumerate(events)]
    assert all(await asyncio.gather(*(database.grant(grant) for grant in grants)))
    page = await logged(database, recording_id=recording.id)
    assert sorted((kept.event for kept in page), key=lambda kept: kept.first) == events
    assert [kept.index for kept in page] == list(range(50))


@pytest.mark.parametrize(
    "case", ["revoked", "ended", "restricted", "erased", "other session", "other account", "other recording"]
)
async def test_a_grant_that_is_not_good_leaves_no_event(database: Database, playing, case: str):
    """Beside a good grant in the same moment, a bad one is answered no and writes nothing."""
    recording, made, opened = playing
    good = Grant(event=event(recording.id), session_id=None)
    bad = Grant(event=event(recording.id, first=7), session_id=opened.id)
    if case == "revoked":
        await database.write(lambda tx: tx.links.revoke(made.id, NOW))
    elif case == "ended":
        bad = replace(bad, event=replace(bad.event, at=opened.ends_at))
    elif case == "restricted":
        await set_columns(database, recording.id, restricted=True)
    elif case == "erased":
        await database.write(lambda tx: settle(tx, recording, State.ERASING))
    elif case == "other session":
        bad = replace(bad, session_id="sess_other")
    elif case == "other account":
        bad = replace(bad, event=replace(bad.event, account_id="acct_b"))
    else:
        bad = replace(bad, event=replace(bad.event, recording_id="rec_other"))
    answers = await asyncio.gather(database.grant(good), database.grant(bad), database.grant(bad))
    assert answers == [case not in {"restricted", "erased"}, False, False]
    assert [kept.event for kept in await logged(database)] == [good.event] * answers[0]

"""Opening links, and adding facts of calls: each in one transaction, the same on SQLite and PostgreSQL.

Sessions in the middle and at the end of their life, the same on SQLite and PostgreSQL.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.database_rows import (
    NOW,
    announcement,
    available,
    begin_erasing,
    event,
    link,
    logged,
    open_account,
    session,
    set_columns,
    settle,
    switch,
)
from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.hot.add_fact import AddedFact, FactSource, NewFact
from vault.database.stores.hot.open_sessions import NewSession
from vault.database.stores.hot.statements import Grant
from vault.domain.ids import new_id
from vault.domain.playback.link import Link, Session
from vault.domain.recordings.recording import State
from vault.errors import NotFound

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
async def shared(database: Database) -> Link:
    """A link with three sessions to a recording that can be played."""
    await open_account(database)
    recording = await available(database)
    made = replace(link(recording.id, sessions=3), expires_at=datetime.now(UTC) + HOUR)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    return made


def request(made: Link, nonce: bytes, **changed: object) -> NewSession:
    """Return a request to open the link."""
    session_id, at = new_id("sess"), datetime.now(UTC)
    opened = replace(event(made.recording_id, session_id=session_id), type="playback.open", at=at)
    values = {
        "session_id": session_id, "link": made, "token_hash": b"token", "length": HOUR, "secret_hash": nonce + b"s",
        "nonce_hash": nonce, "permitted": True, "log_entries": 25, "event": opened,
    }  # fmt: skip
    return NewSession(**values | changed)  # type: ignore[arg-type]


async def kinds(database: Database) -> list[tuple[str, str | None]]:
    """Return the events about links that are in the tree, with their results."""
    await database.write(lambda tx: tx.tree.settle())
    found = [one.event for one in await logged(database)]
    return sorted((one.type, one.result) for one in found if one.type.startswith("playback."))


async def test_opens_at_once_get_no_more_sessions_than_there_are(database: Database, shared: Link):
    """Of five, three open; two are denied, and all five are in the log. Wrong: to count before the batch only."""
    answers = await asyncio.gather(*(database.open_session(request(shared, b"%d" % n)) for n in range(5)))
    opened = [one for one in answers if one is not None]
    assert len({one.id for one in opened}) == 3
    for one in opened:
        assert one.ends_at - one.opened_at == HOUR
        assert (await database.read(lambda tx, one=one: tx.links.session(one.id)))[0] == one
    assert await kinds(database) == [("playback.denied", "used_up")] * 2 + [("playback.open", None)] * 3


async def test_a_nonce_opens_once(database: Database, shared: Link):
    """Concurrent requests and a later one get one session with the newest secret, and one event."""
    answers = await asyncio.gather(*(database.open_session(request(shared, b"n")) for _ in range(4)))
    again = await database.open_session(request(shared, b"n", secret_hash=b"newest"))
    assert {one.id for one in [*answers, again] if isinstance(one, Session)} == {answers[0].id}  # type: ignore[union-attr]
    kept = await database.read(lambda tx: tx.links.session(again.id))  # type: ignore[union-attr]
    assert kept == (answers[0], b"newest")
    assert await kinds(database) == [("playback.open", None)]


async def test_an_opened_session_has_its_log_entries_taken(database: Database, shared: Link):
    """The node that opens it has 25 of them; the row gives the rest."""
    opened = await database.open_session(request(shared, b"n"))
    assert opened is not None
    assert await database.write(lambda tx: tx.links.take_log_entries(opened.id, 10_000)) == 1000 - 25


@pytest.mark.parametrize("case", ["address", "expired", "revoked", "restricted", "erased"])
async def test_what_is_not_good_opens_nothing(database: Database, shared: Link, case: str):
    """Beside a good open; a refusal by address or time is logged, the others are answered without an event."""
    bad = request(shared, b"bad", permitted=case != "address")
    if case == "expired":
        bad = replace(bad, link=replace(shared, expires_at=datetime.now(UTC)))
    elif case == "revoked":
        await database.write(lambda tx: tx.links.revoke(shared.id, NOW))
    elif case == "restricted":
        await set_columns(database, shared.recording_id, restricted=True)
    elif case == "erased":
        await database.write(lambda tx: begin_erasing(tx, "acct_a", shared.recording_id) and None)
    good, answer = await asyncio.gather(
        database.open_session(request(shared, b"good")), database.open_session(bad), return_exceptions=True
    )
    if case in {"address", "expired"}:
        assert isinstance(good, Session)
        assert answer is None
        assert await kinds(database) == [("playback.denied", "not_valid"), ("playback.open", None)]
    else:
        assert [type(good), type(answer)] == [NotFound, NotFound]
        assert await kinds(database) == []


def fact(delivery: str = "d", **changed: object) -> NewFact:
    """Return a fact of the call ``call-1``."""
    names = {"key_version": 1, "call_ref": "call-1"} | changed
    source = names.pop("source", None)
    row = CallFactRow(
        id=new_id("fact"), account_id="acct_a", delivery=delivery, at=NOW, started_at=None, ended_at=NOW,
        sealed_facts=b"\x00", **names,
    )  # type: ignore[arg-type]  # fmt: skip
    return NewFact(row=row, terms=[b"t1", b"t2", b"t1"], max_facts=3, source=source)  # type: ignore[arg-type]


async def stored(database: Database) -> int:
    """Return how many facts the call has."""
    return len(await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-1")))


async def test_a_fact_comes_with_the_state_that_its_transaction_saw(database: Database):
    """Its row and terms are written once, and the switch is as it was set before."""
    await open_account(database)
    first = await database.add_fact(fact())
    assert (first.added, first.facts, first.consents, first.is_duplicate) == (True, 0, 0, False)
    assert (first.switch.enabled, first.switch.epoch, first.locale, first.policy.version) == (
        True,
        0,
        "en",
        0,
    )
    await switch(database, enabled=False)
    again, second = await database.add_fact(fact()), await database.add_fact(fact("e"))
    assert (again.added, again.is_duplicate, again.facts) == (False, True, 1)
    assert (second.added, second.facts, second.switch.enabled, second.switch.epoch) == (True, 1, False, 1)
    assert await stored(database) == 2
    for term in (b"t1", b"t2"):
        assert await database.read(lambda tx, t=term: tx.call_facts.find("acct_a", [t], None, 9)) == [
            "call-1"
        ]


async def test_facts_at_once_are_counted_one_after_the_other(database: Database):
    """Of eight different ones three are stored, and of the same one in eight deliveries one. Wrong: no lock."""
    await open_account(database)
    results = await asyncio.gather(*(database.add_fact(fact(f"d{n}")) for n in range(8)))
    assert sorted(one.facts for one in results if one.added) == [0, 1, 2]
    assert await stored(database) == 3
    same = await asyncio.gather(*(database.add_fact(fact("x", call_ref="call-2")) for _ in range(8)))
    assert sum(one.added for one in same) == 1


@pytest.mark.parametrize("case", ["retired", "settled", "erased"])
async def test_a_fact_that_may_not_be_added_is_not(database: Database, case: str):
    """And the answer says why."""
    await open_account(database)
    new = fact(source=FactSource(connection_id="conn_1", recording_refs=("ref-1",)))
    expected: dict[str, bool] = {}
    if case == "retired":
        new, expected = fact(key_version=2), {"is_retired": True}
    else:
        recording = await available(database)
        expected = {"is_settled": True}
        if case == "erased":
            await database.write(lambda tx: begin_erasing(tx, "acct_a", recording.id) and None)
            expected = {"is_erased": True}
    result: AddedFact = await database.add_fact(new)
    named = ("is_retired", "is_settled", "is_erased", "added")
    assert {name: True for name in named if getattr(result, name)} == expected
    assert await stored(database) == 0


async def test_an_unknown_account_has_no_facts(database: Database):
    """It is NotFound."""
    with pytest.raises(NotFound):
        await database.add_fact(fact())


async def test_an_announcement_of_another_recording_is_no_source(database: Database):
    """Only the erasure of the recording that brings the fact keeps it away."""
    await open_account(database)
    recording = await available(database)
    await database.announce(announcement("ref-2"))
    await database.write(lambda tx: begin_erasing(tx, "acct_a", recording.id) and None)
    other = FactSource(connection_id="conn_1", recording_refs=("ref-2",))
    assert (await database.add_fact(fact(source=other))).added


@pytest.fixture
async def playing(database: Database):
    """A recording that a session listens to, at the moment NOW."""
    await open_account(database)
    recording = await available(database)
    made = link(recording.id, sessions=2)
    opened = session(made)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    await database.write(lambda tx: tx.links.open_session(opened, secret_hash=b"s", nonce_hash=b"n"))
    return recording, made, opened


async def erase(database: Database, recording) -> None:
    """Begin to erase the recording."""
    await database.write(lambda tx: settle(tx, recording, State.ERASING, reasons=()))


#: What is done to it; whether a session, and whether an API key, may still hear it afterwards.
ENDINGS = {
    "nothing": (None, True, True),
    "restricted": (lambda db, r, _: db.write(lambda tx: tx.recordings.restrict(r.id, restricted=True)), False, False),
    "revoked": (lambda db, _, made: db.write(lambda tx: tx.links.revoke(made.id, NOW)), False, True),
    "erasing": (lambda db, r, _: erase(db, r), False, False),
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
async def test_what_is_no_longer_granted_is_no_longer_good(database: Database, playing, ending: str):
    """The question whether a grant is still good has the answer that granting it again would have."""
    recording, made, opened = playing
    act, by_session, by_key = ENDINGS[ending]
    if act is not None:
        await act(database, recording, made)
    for session_id, expected in ((opened.id, by_session), (None, by_key)):
        asked = event(recording.id, session_id=session_id, at=NOW)
        assert await database.is_valid(asked) is expected
        assert await database.grant(Grant(event=asked, session_id=session_id)) is expected


async def test_a_session_is_good_until_its_end(database: Database, playing):
    """Not at its end, not in another account, not for another recording, and not one that there never was."""
    recording, _, opened = playing
    good = event(recording.id, session_id=opened.id, at=opened.ends_at - MICROSECOND)
    for asked, expected in (
        (good, True),
        (replace(good, at=opened.ends_at), False),
        (replace(good, account_id="acct_b"), False),
        (replace(good, recording_id="rec_other"), False),
        (replace(good, session_id="sess_other"), False),
    ):
        assert await database.is_valid(asked) is expected


async def test_a_session_is_unsettled_until_it_is_settled(database: Database, playing):
    """It is found when it is over, with the size that the log had at its opening, and is settled once."""
    recording, made, opened = playing
    await database.write(lambda tx: [tx.events.append(event(recording.id)) for _ in range(3)])
    await database.write(lambda tx: tx.tree.settle())
    later = session(made, ends_at=opened.ends_at + timedelta(hours=1))
    await database.write(lambda tx: tx.links.open_session(later, secret_hash=b"s", nonce_hash=b"m"))

    async def over(at) -> list[tuple[str, str, str, int]]:
        found = await database.read(lambda tx: tx.links.unsettled(at, limit=10))
        return [(one.session_id, one.account_id, one.recording_id, one.log_size) for one in found]

    first = (opened.id, "acct_a", recording.id, 0)
    assert await over(opened.ends_at) == []
    assert await over(opened.ends_at + MICROSECOND) == [first]
    both = await over(later.ends_at + MICROSECOND)
    assert both == [first, (later.id, "acct_a", recording.id, 3)]
    assert len(await database.read(lambda tx: tx.links.unsettled(later.ends_at + MICROSECOND, limit=1))) == 1
    answers = [await database.write(lambda tx: tx.links.settle(opened.id)) for _ in range(2)]
    assert answers == [True, False]
    assert await over(later.ends_at + MICROSECOND) == both[1:]

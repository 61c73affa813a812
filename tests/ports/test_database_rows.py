"""Links, events, keys, call facts and lists, the same on SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.counts import count
from tests.support.database_rows import (
    NOW,
    announcement,
    available,
    event,
    link,
    logged,
    open_account,
    session,
    set_columns,
)
from vault.database.interface import Database
from vault.database.stores.accounts.stored_answers import StoredAnswer
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.playback.hot_reads import LINK, read_link
from vault.domain.accounts.account import ApiKey, Connection
from vault.domain.recordings.recording import RecordingFilter, State
from vault.errors import Busy, NotFound


def opening(database: Database, one, nonce: bytes, secret: bytes = b"s"):
    """Open a session."""
    return database.write(lambda tx: tx.links.open_session(one, secret_hash=secret, nonce_hash=nonce))


@pytest.mark.faults
async def test_a_link_of_one_session_opens_one(database: Database):
    """Two opens that race on a one-session link: exactly one succeeds, every time."""
    await open_account(database)
    for number in range(count("opens that race for one session", small=30, full=200)):
        made = link("rec_1")
        await database.write(lambda tx, m=made, n=number: tx.links.insert(m, b"token %d" % n))
        opened = await asyncio.gather(*(opening(database, session(made), nonce) for nonce in (b"1", b"2")))
        assert sum(one is not None for one in opened) == 1
        kept = await database.read(lambda tx, m=made: tx.links.session_of_link(m.id))
        assert kept in opened


async def test_the_same_nonce_gives_the_same_session(database: Database):
    """An answer that was lost is repeated, with the new secret, and uses up no further session."""
    await open_account(database)
    made = link("rec_1", sessions=2)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    first = session(made)
    assert await opening(database, first, b"1", b"old") == first
    again = await asyncio.gather(*(opening(database, session(made), b"1", b"new") for _ in range(5)))
    assert again == [first] * 5
    assert await database.read(lambda tx: tx.links.session(first.id)) == (first, b"new")
    assert await opening(database, session(made), b"2") is not None
    assert await opening(database, session(made), b"3") is None
    assert await opening(database, session(made), b"1") == first


async def test_a_revoked_link_opens_nothing(database: Database):
    """Neither a new session nor a repeated one; the moment of revocation is the first one."""
    await open_account(database)
    made = link("rec_1", sessions=5)
    await database.write(lambda tx: tx.links.insert(made, b"token"))
    await opening(database, session(made), b"1")
    await database.write(lambda tx: tx.links.revoke(made.id, NOW))
    await database.write(lambda tx: tx.links.revoke(made.id, NOW + timedelta(hours=1)))
    for nonce in (b"1", b"2"):
        with pytest.raises(NotFound):
            await opening(database, session(made), nonce)
    with pytest.raises(NotFound):
        await opening(database, session(link("rec_1")), b"1")
    found = await database.read(lambda tx: tx.links.get("acct_a", made.id))
    assert found == replace(made, revoked_at=NOW)


async def test_links_are_found_by_their_account_alone(database: Database):
    """A link is read back as it was, by token, id and recording, and not by another account."""
    await open_account(database)
    recording_id = (await available(database)).id
    old, new = link(recording_id), link(recording_id, created_at=NOW + timedelta(seconds=1), networks=())
    await database.write(lambda tx: (tx.links.insert(old, b"old"), tx.links.insert(new, b"new")))
    by_token = read_link(await database.fetch(LINK, token_hash=b"old"))
    assert by_token is not None
    assert by_token.link == old
    assert await database.read(lambda tx: tx.links.get("acct_a", new.id)) == new
    assert await database.read(lambda tx: tx.links.get("acct_b", new.id)) is None
    assert await database.read(lambda tx: tx.links.of_recording("acct_a", recording_id)) == [new, old]
    assert await database.read(lambda tx: tx.links.of_recording("acct_b", recording_id)) == []
    assert read_link(await database.fetch(LINK, token_hash=b"other")) is None


async def test_event_pages_have_no_gap_and_no_repeat(database: Database):
    """Pages of three join to all events of the account, or of one recording, in their order."""
    events = [event(f"rec_{n % 2}", first=n, end=n + 1) for n in range(10)]
    events.append(event("rec_0", "acct_b"))
    events.append(event(None, type="switch.changed", first=None, end=None, sealed_detail=None, result="on"))
    for one in events:
        await database.write(lambda tx, one=one: tx.events.append(one))
    await logged(database)
    for recording_id in (None, "rec_0"):
        found, start = [], 0
        while page := await database.read(
            lambda tx, r=recording_id, s=start: tx.events.page("acct_a", recording_id=r, start=s, limit=3)
        ):
            found += [one.event for one in page]
            start = page[-1].index + 1
        mine = [one for one in events if one.account_id == "acct_a"]
        assert found == [one for one in mine if recording_id in {None, one.recording_id}]
        assert [one.body for one in found][:1] == [events[0].body]


async def test_pages_of_recordings_have_no_gap_and_no_repeat(database: Database):
    """Newest first through equal moments, while new rows arrive, narrowed by every filter."""
    await open_account(database)
    news = [
        announcement(f"ref-{n}", received_at=NOW + timedelta(seconds=n // 4), call_ref=f"call-{n % 2}")
        for n in range(21)
    ]
    for new in news:
        await database.announce(new)
    await set_columns(database, news[3].id, state=str(State.FAILED))
    for new in news[5:9]:
        await set_columns(database, new.id, retention_class="quality")
    for n, new in enumerate(news):
        terms = [b"all", b"third"] if n % 3 == 0 else [b"all"]
        for _ in range(2):
            await database.write(lambda tx, i=new.id, t=terms: tx.recordings.index("acct_a", i, [*t, *t]))
    await database.write(lambda tx: tx.recordings.index("acct_b", news[0].id, [b"foreign"]))
    middle = NOW + timedelta(seconds=2)
    cases = {
        RecordingFilter(): lambda _n, _new: True,
        RecordingFilter(state=State.FAILED): lambda n, _new: n == 3,
        RecordingFilter(call_ref="call-1"): lambda n, _new: n % 2 == 1,
        RecordingFilter(retention_class="quality"): lambda n, _new: n in range(5, 9),
        RecordingFilter(terms=((b"all",), (b"third", b"other"))): lambda n, _new: n % 3 == 0,
        RecordingFilter(terms=((b"third",), (b"none",))): lambda _n, _new: False,
        RecordingFilter(terms=((b"foreign",),)): lambda _n, _new: False,
        RecordingFilter(received_from=middle): lambda _n, new: new.received_at >= middle,
        RecordingFilter(received_to=middle): lambda _n, new: new.received_at < middle,
    }
    for number, (wanted, fits) in enumerate(cases.items()):
        found, before = [], None
        while page := await database.read(
            lambda tx, w=wanted, b=before: tx.recordings.page("acct_a", w, before=b, limit=4)
        ):
            found += page
            before = (page[-1].received_at, page[-1].id)
            late = announcement(f"late-{number}-{len(found)}", received_at=NOW + timedelta(days=1 + number))
            await database.announce(late)
        expected = [new for n, new in enumerate(news) if fits(n, new)]
        expected.sort(key=lambda new: (new.received_at, new.id), reverse=True)
        assert [one.id for one in found if one.received_at < NOW + timedelta(days=1)] == [
            new.id for new in expected
        ]
        assert len({one.id for one in found}) == len(found)
    await database.write(lambda tx: tx.recordings.forget_terms(news[0].id))
    third = RecordingFilter(terms=((b"third",),))
    left = await database.read(lambda tx: tx.recordings.page("acct_a", third, before=None, limit=99))
    assert news[0].id not in {one.id for one in left}
    assert len(left) == 6


async def test_one_answer_is_kept_for_one_idempotency_key(database: Database):
    """Of ten requests that race, one keeps its answer and what it did; the others leave nothing."""

    def request(number: int):
        def act(tx):
            tx.metadata.put({f"effect {number}": b"x"})
            tx.stored_answers.keep(
                "key_1", b"idem", StoredAnswer(fingerprint=b"f", status=201, body=b"%d" % number), NOW
            )

        return database.write(act)

    answers = await asyncio.gather(*(request(number) for number in range(10)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert all(answer is None or isinstance(answer, Busy) for answer in answers)
    kept = await database.read(lambda tx: tx.stored_answers.get("key_1", b"idem"))
    assert kept == StoredAnswer(fingerprint=b"f", status=201, body=b"%d" % answers.index(None))
    for number, answer in enumerate(answers):
        effect = await database.read(lambda tx, n=number: tx.metadata.get(f"effect {n}"))
        assert (effect == b"x") == (answer is None)
    assert await database.read(lambda tx: tx.stored_answers.get("key_2", b"idem")) is None


async def test_api_keys_are_kept_and_revoked(database: Database):
    """A key is read back with its hash; revoked it is still found, with the first moment."""
    key = ApiKey(
        id="key_1", name="CRM", account_id="acct_a", scopes=frozenset({"ingest", "links:write"}),
        created_at=NOW, revoked_at=None,
    )  # fmt: skip
    operator = replace(key, id="key_0", account_id=None, scopes=frozenset({"*"}))
    await database.write(
        lambda tx: (
            tx.api_keys.insert(key, b"1", created_by="op"),
            tx.api_keys.insert(operator, b"0", created_by="op"),
        )
    )
    assert await database.read(lambda tx: tx.api_keys.find("key_1")) == (key, b"1")
    assert await database.read(lambda tx: tx.api_keys.page("acct_a", limit=9)) == [key]
    assert await database.read(lambda tx: tx.api_keys.page(None, limit=9)) == [operator, key]
    for hours in (1, 2):
        at = NOW + timedelta(hours=hours)
        await database.write(lambda tx, at=at: tx.api_keys.revoke("key_1", at))
    found, _ = await database.read(lambda tx: tx.api_keys.find("key_1"))
    assert found == replace(key, revoked_at=NOW + timedelta(hours=1))


async def test_a_connection_keeps_its_id(database: Database):
    """Ten puts of one name concurrently leave one connection, whose id all of them heard."""
    await open_account(database)
    made = [
        Connection(
            id=f"conn_{n}", account_id="acct_a", name="main", provider="platform",
            sealed_credentials=b"%d" % n, key_version=1, api_base=None, delete_at_source=False,
            delete_refused=False, collect_from=NOW, next_url="https://flow.example/next", pause_refused=True,
        )
        for n in range(10)
    ]  # fmt: skip
    put = await asyncio.gather(*(database.write(lambda tx, one=one: tx.connections.put(one)) for one in made))
    (connection_id,) = {one.id for one in put}
    kept = await database.read(lambda tx: tx.connections.get(connection_id))
    assert kept in put
    assert kept == await database.read(lambda tx: tx.connections.find("acct_a", "main"))
    assert await database.read(lambda tx: tx.connections.find("acct_b", "main")) is None
    await open_account(database, "acct_b")
    other = replace(made[0], id="conn_x", account_id="acct_b", api_base="https://x", delete_at_source=True)
    assert await database.write(lambda tx: tx.connections.put(other)) == other


async def test_call_facts_of_one_delivery_are_added_once(database: Database):
    """A repeated delivery adds nothing; rows come oldest first and are forgotten as a whole."""
    await open_account(database)
    fact = CallFactRow(
        id="fact_1", account_id="acct_a", call_ref="call-1", delivery="d1", at=NOW, started_at=NOW,
        ended_at=None, sealed_facts=b"facts", key_version=1,
    )  # fmt: skip
    older = replace(fact, id="fact_2", delivery="d2", at=NOW - timedelta(seconds=1))
    other = replace(fact, id="fact_3", delivery="d3", call_ref="call-2")
    answers = await asyncio.gather(
        *(
            database.write(lambda tx, one=one: tx.call_facts.add(one))
            for one in (fact, replace(fact, id="fact_9"), older, other)
        )
    )
    assert sorted(answers) == [False, True, True, True]
    found = await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-1"))
    assert [one.delivery for one in found] == ["d2", "d1"]
    await database.write(lambda tx: tx.call_facts.forget_call("acct_a", "call-1", held=()))
    assert await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-1")) == []
    assert await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-2")) == [other]


async def test_counts_speak_of_work_alone(database: Database):
    """Each state of work has its number and the age of its oldest row; finished rows are not counted."""
    await open_account(database)
    await available(database)
    for number in range(3):
        await database.announce(announcement(f"new-{number}", received_at=NOW + timedelta(seconds=number)))
    now = await database.read(lambda tx: tx.now())
    found = await database.read(lambda tx: tx.queue.counts())
    assert {state: number for state, (number, _) in found.items()} == {State.RECEIVED: 3}
    assert found[State.RECEIVED][1] >= (now - NOW).total_seconds()

"""A closed account stores nothing more, through no door, and what asks whether to record is told no."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text, update

from tests.services.requests.closures import closing, work
from tests.services.requests.people import PERSON, recorded
from tests.support.parties import ME, set_policy, tell
from tests.support.retention import place, release
from tests.support.service_house import House
from tests.support.steered_line import SteeredLine, publish, with_platforms
from vault.database.schema.requests import person_requests
from vault.database.stores.accounts.stored_answers import StoredAnswer
from vault.domain.accounts.account import AnswerSubject
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.errors import AccountClosed

#: What holds data of calls and recordings.
TABLES = (
    "call_facts",
    "call_terms",
    "consent_events",
    "recordings",
    "recording_terms",
    "recording_notes",
    "links",
)
FACTS = CallFacts(
    call_ref="call-9", direction="inbound", caller=PERSON, callee="+12125550100", agent="Kim",
    started_at=datetime(2026, 11, 30, 9, 28, tzinfo=UTC),
)  # fmt: skip


async def stored(house: House) -> dict[str, int]:
    """Count the rows of the account's calls and recordings, but for tombstones."""

    def count(tx: Any) -> dict[str, int]:
        gone = "AND state <> 'erased'"
        return {
            name: tx.connection.execute(
                text(
                    f"SELECT count(*) FROM {name} WHERE account_id = :account "  # noqa: S608 - names of our own
                    f"{gone if name == 'recordings' else ''}"
                ),
                {"account": house.account.id},
            ).scalar_one()
            for name in TABLES
        }

    return await house.database.read(count)


async def body() -> AsyncIterator[bytes]:
    """Yield a body that nobody reads."""
    raise AssertionError("the body was read")
    yield b""


async def collect(house: House, line: SteeredLine) -> None:
    """Report a call, what its parties heard and answered, and its recording, through every door."""
    vault, account_id = house.vault, house.account.id
    answer = await vault.recordings.calls.start(account_id, FACTS)
    assert (answer.decision.record, answer.decision.grounds[0].code) == (False, "account_closed")
    assert (answer.facts, answer.notices) == (FACTS, ())
    for said in ("announced", "accepted", "declined", "withdrawn"):
        with pytest.raises(AccountClosed):
            await tell(house, said, call="call-9")  # type: ignore[arg-type]
    with pytest.raises(AccountClosed):
        await vault.ingest.uploads.store(account_id, "call-9", "rec-9", body(), **ME)
    told = await house.announce("rec-8", call_ref="call-8", **{"from": PERSON})
    assert (told.status, told.recording_id) == ("refused", None)
    told = await house.announce("rec-7", call_ref="call-7")
    assert (told.status, told.recording_id) == ("refused", None)
    for stage, key in (("call", None), ("heard", None), ("key", "1"), ("key", "9"), ("key", "#")):
        continues = await line.ask(stage, key)  # type: ignore[arg-type]
        assert [step.url for step in continues] == ["https://application.example/next"]


@pytest.fixture
async def line(either: House) -> SteeredLine:
    """A line whose caller is asked for a key, and may object by one."""
    line = SteeredLine(with_platforms(either))
    await line.connect()
    return line


async def test_a_closed_account_stores_nothing(either: House, line: SteeredLine):
    """Call starts, consent, webhooks, uploads and call documents: no row comes, and nothing is to be recorded."""
    await recorded(either, "free")
    await publish(either)
    await closing(either)
    assert await work(either) is RequestState.FULFILLED
    before = await stored(either)
    assert (before["call_facts"], before["recordings"]) == (0, 0)
    await collect(either, line)
    assert await stored(either) == before
    assert await either.vault.consent.objections.list(either.account.id, after=None, limit=9) == []


async def test_an_account_that_is_being_closed_stores_nothing_but_a_no(either: House, line: SteeredLine):
    """A hold keeps one recording: its party may still withdraw, and then nobody hears it."""
    held = await recorded(either, "held")
    hold = (await place(either, recordings=[held])).hold
    call_ref = (await either.row(held)).call_ref
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    before = await stored(either)
    await collect(either, line)
    with pytest.raises(AccountClosed):
        await tell(either, "accepted", call=call_ref)
    late = CallFacts(call_ref=call_ref, caller="+13125550100")
    assert not (await either.vault.recordings.calls.start(either.account.id, late)).decision.record
    assert await stored(either) == before
    await tell(either, "withdrawn", call=call_ref)
    assert (await either.row(held)).restricted
    await release(either, hold.id, at_once=True)
    assert await work(either) is RequestState.FULFILLED
    assert await either.state(held) is State.ERASED
    await collect(either, line)


async def test_a_key_says_that_its_account_is_closed(either: House):
    """With the query that finds both, so that every door can ask; one that is switched off is not closed."""
    _, token = await either.vault.accounts.api_keys.issue(
        name="k", scopes=["*"], account_id=None, actor="key_test"
    )

    async def said() -> RequestState | None:
        _, _, closure = await either.vault.accounts.api_keys.authorize(token.text, either.account.ref)
        return closure

    await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, actor="key_test")
    await closing(either)
    assert await said() is None
    assert await work(either) is RequestState.FULFILLED
    assert await said() is RequestState.FULFILLED


async def test_a_delete_forgets_what_an_earlier_release_stored(either: House):
    """Facts of a call that came into a closed account: the erasure of the call ends them."""
    await closing(either)
    assert await work(either) is RequestState.FULFILLED
    before = await stored(either)

    async def say(state: RequestState) -> None:
        query = update(person_requests).where(person_requests.c.kind == "closure").values(state=str(state))
        await either.database.write(lambda tx: tx.connection.execute(query) and None)

    await say(RequestState.WITHDRAWN)  # As if it knew of no closure.
    await either.vault.recordings.calls.start(either.account.id, FACTS)
    await say(RequestState.FULFILLED)
    assert (await stored(either))["call_facts"] == 1
    await either.vault.recordings.calls.erase(either.account.id, "call-9", actor="key_test")
    assert await stored(either) == before


async def test_a_closure_that_waits_changes_nothing(either: House):
    """Until its waiting time is over, the account collects as before."""
    await set_policy(either, missing_evidence="accept", reason="a test")
    await closing(either, wait=True)
    assert (await either.vault.recordings.calls.start(either.account.id, FACTS)).decision.record
    await tell(either, "announced", call="call-9")
    assert (await stored(either))["call_facts"] == 1


async def test_stored_answers_go_with_the_account(either: House):
    """Those to requests with an Idempotency-Key, also to the operator's key; those of another account stay."""
    subjects = [AnswerSubject(account_id=account_id) for account_id in (either.account.id, "acct_other")]
    answer = StoredAnswer(fingerprint=b"f", status=201, body=b"sealed")
    for key, subject in zip((b"1", b"2"), subjects, strict=True):
        await either.database.write(
            lambda tx, key=key, subject=subject: tx.stored_answers.keep(
                "key_operator", key, answer, tx.now(), subject
            )
        )
    await closing(either)
    assert await work(either) is RequestState.FULFILLED
    found = [
        await either.database.read(lambda tx, key=key: tx.stored_answers.get("key_operator", key))
        for key in (b"1", b"2")
    ]
    assert found == [None, answer]

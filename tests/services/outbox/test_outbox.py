"""The outbox on both databases: who is sent to when, what a failure costs, and what is written down."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.services.outbox.probe import (
    Hanging,
    attempts,
    change_destination,
    destination,
    probe,
    probing,
    rows,
    until,
    url_of,
    with_outside,
)
from tests.support.outbox import let_time_come, put, send_due
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.outbox import outbox_attempts
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Answer
from vault.domain.outbox.health import FAILURES, PLACES
from vault.errors import FetchFailed
from vault.services.outbox.send_outbox import OF_ACCOUNT

BUSY = Answer(status=503)
A = "https://a.example/"


def sent(house: House, url: str | None = None) -> list[str]:
    """Return the ids of what was sent, in its order."""
    return [one.headers["webhook-id"] for one in house.outside.sent if url in {None, one.url}]


async def logged(house: House) -> list[str]:
    """Return the types of the account's events, also of those that no sequencer has moved into the tree yet."""
    await house.database.write(lambda tx: tx.tree.settle())
    return await house.events()


async def test_a_receiver_that_hangs_delays_nobody(either: House):
    """Sixty messages for it, the longest waiting: another receiver has its message while two of them hang."""
    house, _ = probing(either)
    hanging = Hanging(house, "a")
    house = with_outside(house, hanging)
    await put(house, *(probe(house, f"a{n:02}") for n in range(60)), probe(house, "b", "b"))
    job = house.vault.jobs.send_outbox
    while await job():
        pass
    await until(lambda: sent(house) == ["b"])
    assert len(hanging.begun) == PLACES
    hanging.let_go.set()
    await send_due(house)
    assert len(sent(house)) == 61
    assert len(set(sent(house))) == 61


async def test_accounts_have_turns(either: House):
    """One with a message for each of fifty receivers does not hold up one with a single message."""
    house, _ = probing(either)
    other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, actor="key_test")
    many = [probe(house, f"m{n:02}", f"r{n:02}") for n in range(50)]
    await put(house, *many, probe(house, "one", "zz", account_id=other.id))
    await house.vault.jobs.send_outbox()
    await house.vault.jobs.send_outbox.idle()
    assert "one" in sent(house)
    assert len(sent(house)) < 50


async def test_an_account_whose_receivers_all_hang_leaves_places_to_others(either: House):
    """Of one account a process sends a quarter of what it can."""
    house, _ = probing(either)
    names = [f"r{n:02}" for n in range(50)]
    hanging = Hanging(house, *names)
    house = with_outside(house, hanging)
    await put(house, *(probe(house, f"m-{name}", name) for name in names))
    job = house.vault.jobs.send_outbox
    while await job():
        pass
    assert len(hanging.begun) <= OF_ACCOUNT + 15
    other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, actor="key_test")
    await put(house, probe(house, "one", "zz", account_id=other.id))
    await job()
    await until(lambda: sent(house) == ["one"])
    hanging.let_go.set()
    await send_due(house)


async def test_a_destination_that_fails_is_let_alone(either: House):
    """After five failures nothing is sent for a while; then one attempt tests it, and no other message is counted."""
    house, _ = probing(either)
    house.outside.answer(A, BUSY)
    await put(house, *(probe(house, f"m{n:02}") for n in range(20)))
    await send_due(house)
    assert FAILURES <= len(sent(house)) <= FAILURES + PLACES - 1
    begun = len(sent(house))
    assert sum(row.attempts for row in await rows(house)) == begun
    await send_due(house)
    assert len(sent(house)) == begun
    for tests in range(1, 4):
        await change_destination(house, blocked_until=None, next_at=LONG_AGO)
        await send_due(house)
        assert len(sent(house)) == begun + tests
    row = await destination(house)
    assert row.failures == begun + 3
    assert row.blocked_until - datetime.now(UTC) > timedelta(minutes=1)
    house.outside.answer(A, Answer(status=200))
    await let_time_come(house)
    await send_due(house)
    assert await rows(house) == []
    assert (await destination(house)).failures == 0


@pytest.mark.parametrize("asked", ["1200", "date"])
async def test_a_receiver_says_when_to_come_again(either: House, asked: str):
    """In seconds or by a date; the destination is let alone until then, not only this message."""
    house, _ = probing(either)
    date = datetime.now(UTC) + timedelta(seconds=1200)
    header = f"{date:%a, %d %b %Y %H:%M:%S GMT}" if asked == "date" else asked
    house.outside.answer(A, Answer(status=429, retry_after=header), Answer(status=204))
    await put(house, probe(house, "first"))
    await send_due(house)
    await put(house, probe(house, "second"))
    await send_due(house)
    assert sent(house) == ["first"]
    wait = (await destination(house)).blocked_until - datetime.now(UTC)
    assert timedelta(minutes=19) < wait < timedelta(minutes=22.1)


async def test_gone_switches_off_this_destination_alone(either: House):
    """410: nothing more is sent there, what waits is deleted, what comes is not kept, and the log says so."""
    house, _ = probing(either)
    house.outside.answer(A, Answer(status=410))
    await put(house, probe(house, "m1"), probe(house, "m2"), probe(house, "m3"), probe(house, "other", "b"))
    await send_due(house)
    assert await rows(house) == []
    assert "other" in sent(house, "https://b.example/")
    tried = len(sent(house, A))
    assert tried <= PLACES
    await put(house, probe(house, "m4"))
    await send_due(house)
    assert (len(sent(house, A)), await rows(house)) == (tried, [])
    assert (await logged(house)).count("destination.disabled") == 1
    house.outside.answer(A, Answer(status=204))
    await house.database.write(lambda tx: tx.outbox.set_up("probe/a"))
    await put(house, probe(house, "m5"))
    await send_due(house)
    assert sent(house, A)[-1] == "m5"


async def test_a_receiver_that_is_set_again_gets_what_waits_now(either: House):
    """What was tried waits no longer; what was not is not touched, however much that is."""
    house, _ = probing(either)
    house.outside.answer(A, Answer(status=503, retry_after="60"))
    await put(house, *(probe(house, f"m{n}") for n in range(6)))
    await send_due(house)
    before = {one.id: one for one in await rows(house)}
    tried = {one for one in before if before[one].attempts}
    assert 0 < len(tried) <= PLACES
    await house.database.write(lambda tx: tx.outbox.set_up("probe/a"))
    now = datetime.now(UTC)
    after = {one.id: one for one in await rows(house)}
    assert all(before[one].due_at > now >= after[one].due_at for one in tried)
    assert {one for one in before if before[one] == after[one]} == {*before} - tried
    shown = await destination(house)
    assert (shown.failures, shown.failing_since, shown.blocked_until) == (0, None, None)
    house.outside.answer(A, Answer(status=204))
    await send_due(house)
    assert await rows(house) == []


async def test_failures_alone_warn_and_end(either: House):
    """After an hour, after a day, and after five days; a success between them begins again."""
    house, _ = probing(either)
    house.outside.answer(A, BUSY)
    await put(house, probe(house, "m1"))

    async def failing_for(**age: float) -> list[str]:
        since = datetime.now(UTC) - timedelta(**age)
        await change_destination(house, failing_since=since)
        await let_time_come(house)
        await send_due(house)
        return [one for one in await logged(house) if one.startswith("destination.")]

    await send_due(house)
    assert await failing_for(minutes=59) == []
    assert await failing_for(minutes=61) == ["destination.failing"]
    assert await failing_for(hours=23) == ["destination.failing"]
    assert await failing_for(hours=25) == ["destination.failing"] * 2
    assert await failing_for(days=4.9) == ["destination.failing"] * 2
    house.outside.answer(A, Answer(status=204), BUSY)
    assert await failing_for(days=6) == ["destination.failing"] * 2
    assert (await destination(house)).failing_since is None
    await put(house, probe(house, "m2"))
    await send_due(house)
    assert await failing_for(days=5.1) == ["destination.failing"] * 2 + ["destination.disabled"]
    assert await rows(house) == []


async def test_the_log_has_what_is_sent_before_it_is_sent(either: House):
    """Once for each message, and how it ended apart from that."""
    house, _ = probing(either)
    seen: list[list[str]] = []

    class Looking(Hanging):
        async def post(self, url, headers, body):
            seen.append([one for one in await logged(house) if one.startswith("message.")])
            return await super().post(url, headers, body)

    house.outside.answer(A, BUSY, FetchFailed("The host did not respond in time."), Answer(status=204))
    looking = with_outside(house, Looking(house))
    await put(looking, probe(looking, "m1"))
    for _ in range(3):
        await let_time_come(looking)
        await send_due(looking)
    assert seen == [["message.sent"]] * 3
    assert [one for one in await logged(house) if one.startswith("message.")] == [
        "message.sent",
        "message.accepted",
    ]


async def test_attempts_are_noted_for_thirty_days(either: House):
    """When, how long, and how it ended: nothing that was sent or answered."""
    house, kind = probing(either)
    house.outside.answer(
        A,
        Answer(status=500, body=b"said by the receiver"),
        FetchFailed("The host did not respond in time."),
        FetchFailed("The URL is not one that can be fetched.", final=True),
        Answer(status=200, body=b"said by the receiver"),
    )
    await put(house, probe(house, "m1"))
    for _ in range(4):
        await let_time_come(house)
        await send_due(house)
    noted = await attempts(house)
    assert [(one.number, one.outcome, one.status, one.failure) for one in noted] == [
        (1, "failed", 500, "The receiver answered 500."),
        (2, "unknown", None, "The host did not respond in time."),
        (3, "failed", None, "The URL is not one that can be fetched."),
        (4, "accepted", 200, None),
    ]
    assert kind.noted == ["m1 failed", "m1 unknown", "m1 failed", "m1 accepted"]
    assert "said by" not in str(noted)

    def age(tx: Transaction) -> None:
        old = datetime.now(UTC) - timedelta(days=30, minutes=1)
        tx.connection.execute(update(outbox_attempts).where(outbox_attempts.c.number < 3).values(at=old))

    await house.database.write(age)
    await house.vault.jobs.send_outbox.forget_attempts()
    assert [one.number for one in await attempts(house)] == [3, 4]


async def test_what_is_rolled_back_is_not_sent(either: House):
    """The message is of its cause: both are written, or none."""
    house, _ = probing(either)

    def fail(tx: Transaction) -> None:
        tx.outbox.put(probe(house, "m1"))
        raise FetchFailed("The cause failed.")

    with pytest.raises(FetchFailed):
        await house.database.write(fail)
    await put(house, probe(house, "m2"), probe(house, "m2"))
    await send_due(house)
    assert sent(house) == ["m2"]
    assert url_of(probe(house, "m2")) == A


async def test_what_another_release_sends_waits_for_it(either: House):
    """A kind that this node does not know is neither lost nor counted."""
    house, _ = probing(either)
    await put(house, probe(house, "m1"))
    await send_due(either)
    assert [(row.attempts, row.lease_until) for row in await rows(either)] == [(0, None)]
    await let_time_come(house)
    await send_due(house)
    assert sent(house) == ["m1"]

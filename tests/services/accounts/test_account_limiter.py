"""The limits of accounts in one process: what they count, what they read, and what they refuse."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.service_house import House
from vault.database.stores.recordings.recording_queue import Backlog
from vault.domain.accounts.limits import BURST_SECONDS, MAX_ACCOUNTS, AccountLimits, OwnLimits
from vault.errors import TooMany, Unavailable
from vault.services.shared.account_limiter import REFRESH_INTERVAL, AccountLimiter

DEFAULT = AccountLimits(requests_per_second=2, bytes_in_flight=100, queue=3)
CEILING = AccountLimits(requests_per_second=9, bytes_in_flight=900, queue=9)


class Reads:
    """A database that counts its reads and answers them as a test says."""

    def __init__(self) -> None:
        self.count = 0
        self.backlog = Backlog()
        self.own: dict[str, OwnLimits] = {}
        self.down = False

    async def read(self, _function: Callable[..., Any]) -> Any:
        """Answer a refresh."""
        self.count += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("Down.", cause="database")
        return self.backlog, self.own


class Limited:
    """A limiter on a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = Reads()
        self.limiter = AccountLimiter(
            database=self.reads,  # type: ignore[arg-type]
            default=DEFAULT,
            ceiling=CEILING,
            max_queue=5,
            now=lambda: self.now,
        )


@pytest.fixture
def limited() -> Limited:
    """A limiter that has read nothing yet."""
    return Limited()


async def settled() -> None:
    """Let a refresh end."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_requests_read_the_database_once_in_an_interval(limited: Limited):
    """Thousands of requests of many accounts cost one statement, and none while nothing arrives."""
    for number in range(3000):
        limited.limiter.take_request(f"acct_{number}")
        limited.limiter.of(f"acct_{number}")
    await settled()
    assert limited.reads.count == 1
    limited.now = REFRESH_INTERVAL
    await settled()
    assert limited.reads.count == 1
    limited.limiter.take_request("acct_1")
    await settled()
    assert limited.reads.count == 2


async def test_a_refusal_names_the_limit_and_the_remedy(limited: Limited):
    """Over each limit: its name, how long to wait, and where an admin can raise it."""
    limiter = limited.limiter
    for _ in range(DEFAULT.requests_per_second * BURST_SECONDS):
        limiter.take_request("acct_a")
    asks: dict[str, Callable[[], object]] = {
        "requests_per_second": lambda: limiter.take_request("acct_a"),
        "bytes_in_flight": lambda: limiter.upload("acct_a", 60).__enter__(),
        "queue": lambda: limiter.check_queue("acct_a"),
    }
    with limiter.upload("acct_a", 60):
        for _ in range(DEFAULT.queue):
            limiter.check_queue("acct_a")
        for name, ask in asks.items():
            with pytest.raises(TooMany) as refused:
                ask()
            assert refused.value.limit == name
            assert refused.value.retry_after >= 1
            assert "/v1/accounts/{account}/limits" in str(refused.value)
            assert str(getattr(DEFAULT, name)) in str(refused.value)
    # Another account is not concerned, and time heals.
    limiter.take_request("acct_b")
    limiter.check_queue("acct_b")
    limited.now = 0.5
    limiter.take_request("acct_a")


async def test_bytes_count_until_the_upload_ends(limited: Limited):
    """Whatever ends it; the largest upload passes alone, and no account stays in the memory."""
    limiter = limited.limiter
    with limiter.upload("acct_a", 10_000), pytest.raises(TooMany), limiter.upload("acct_a", 1):
        pass
    with pytest.raises(KeyError), limiter.upload("acct_a", 60):
        raise KeyError
    with limiter.upload("acct_a", 60), limiter.upload("acct_a", 40), limiter.upload("acct_b", 100):
        pass
    assert not limiter._in_flight


async def test_the_queue_is_what_was_read_and_what_came_since(limited: Limited):
    """The account's own queue is a 429, everybody's a 503 before anything is stored."""
    limiter = limited.limiter
    limited.reads.backlog = Backlog(total=3, by_account={"acct_a": 2})
    await limiter.refresh()
    limiter.check_queue("acct_a")
    with pytest.raises(TooMany):
        limiter.check_queue("acct_a")
    limiter.check_queue("acct_b")
    for account in ("acct_a", "acct_b", "acct_new"):
        with pytest.raises(Unavailable) as refused:
            limiter.check_queue(account)
        assert refused.value.retry_after > 1
    limited.reads.backlog = Backlog(total=4, by_account={"acct_b": 2})
    await limiter.refresh()
    limiter.check_queue("acct_a")


async def test_a_recording_that_a_refresh_may_not_have_seen_still_counts(limited: Limited):
    """What was accepted while the database was read is in no answer, and must not be forgotten with it."""
    limited.limiter.max_queue = 100
    limited.limiter.take_request("acct_a")
    for _ in range(DEFAULT.queue):
        limited.limiter.check_queue("acct_a")
    await settled()
    assert limited.reads.count == 1
    with pytest.raises(TooMany):
        limited.limiter.check_queue("acct_a")


async def test_a_hundred_thousand_accounts_do_not_fill_the_memory(limited: Limited):
    """While nothing can be read either; and the whole queue is counted all the same."""
    limited.reads.down = True
    limited.limiter.max_queue = 200_000
    for number in range(200_000):
        if number % 50_000 == 0:
            limited.now += REFRESH_INTERVAL
        if number % 1000 == 0:
            await settled()
        limited.limiter.check_queue(f"acct_{number % 100_000}")
    for counts in (limited.limiter._accepted, limited.limiter._older):
        assert len(counts.by_account) <= MAX_ACCOUNTS
    with pytest.raises(Unavailable):
        limited.limiter.check_queue("acct_1")


async def test_what_cannot_be_read_changes_nothing(limited: Limited):
    """While the database is down the last known limits hold, and requests are not held up."""
    limited.reads.own = {"acct_a": OwnLimits(requests_per_second=1)}
    await limited.limiter.refresh()
    limited.reads.down = True
    limited.now = REFRESH_INTERVAL
    limited.limiter.take_request("acct_a")
    await settled()
    assert limited.limiter.of("acct_a").requests_per_second == 1


async def test_own_limits_hold_at_once_in_this_process_and_never_above_the_ceiling(house: House):
    """What an admin sets is read again at the next request."""
    limits, limiter = house.vault.accounts.limits, house.vault.accounts.limits.limiter
    view = await limits.set(house.account.id, OwnLimits(queue=7), actor="key_test")
    assert (view.limits.queue, view.limits.requests_per_second) == (7, limiter.default.requests_per_second)
    limiter.take_request(house.account.id)
    await asyncio.wait_for(_refreshed(limiter), 30)
    assert limiter.of(house.account.id).queue == 7
    before = await house.events()
    await limits.set(house.account.id, OwnLimits(queue=7), actor="key_test")
    assert await house.events() == before
    assert before.count("account.changed") == 1


async def test_a_webhook_over_a_limit_is_sent_again_and_nothing_is_lost(house: House):
    """Refused before anything is stored; the same announcement passes later, as a new recording."""
    limiter = house.vault.accounts.limits.limiter
    limiter.default = AccountLimits(requests_per_second=1, bytes_in_flight=1, queue=100)
    limiter.now = lambda: 0.0
    results = [await _result(house.announce, f"rec-{number}") for number in range(15)]
    assert results == ["accepted"] * BURST_SECONDS + ["requests_per_second"] * 5
    assert len(await house.database.read(lambda tx: tx.recordings.of_call(house.account.id, "call-1"))) == 10
    limiter.now = lambda: 100.0
    results = [await _result(house.announce, f"rec-{number}") for number in range(15)]
    assert results == ["duplicate"] * BURST_SECONDS + ["requests_per_second"] * 5
    limiter.now = lambda: 1000.0
    results = [await _result(house.announce, f"rec-{number}") for number in range(10, 15)]
    assert results == ["accepted"] * 5


async def test_only_announcements_of_platforms_that_send_again_are_refused(house: House, monkeypatch):
    """Facts of a call are taken over every limit, and so is all of a platform that may not send it again."""
    limiter = house.vault.accounts.limits.limiter
    limiter.default = AccountLimits(requests_per_second=1, bytes_in_flight=1, queue=1)
    limiter.max_queue = 1
    assert await _result(house.announce, "rec-1") == "accepted"
    with pytest.raises(Unavailable):
        await house.announce("rec-2")
    platform = house.vault.ingest.webhooks.providers["platform"]
    assert platform.resends_refused
    monkeypatch.setattr(type(platform), "resends_refused", property(lambda _self: False))
    results = [await _result(house.announce, f"rec-{number}") for number in range(20, 40)]
    assert results == ["accepted"] * 20


async def _result(announce: Callable[[str], Awaitable[Any]], ref: str) -> str:
    try:
        return str((await announce(ref)).status)
    except TooMany as error:
        return str(error.limit)


async def _refreshed(limiter: AccountLimiter) -> None:
    assert limiter._refreshing is not None
    await limiter._refreshing

"""The circuit breaker: when it opens, whom it lets try, and what does not count.

Answers of a key service that are not what was asked for.
"""

import asyncio
from collections.abc import Mapping

import pytest

from tests.fakes.root_key import FakeRootKey
from vault.circuit_breaker import State
from vault.errors import Tampered, Unavailable
from vault.keyservice.root_keys import Breaker, CheckedRootKey

CONTEXT = {"purpose": "test"}
REASON = "The root key is disabled in the key service."
ONE, OTHER = (
    {"account_id": "acc_1", "purpose": "account-key"},
    {"account_id": "acc_2", "purpose": "account-key"},
)


class Slow(FakeRootKey):
    """A key service that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wait, then wrap or fail."""
        self.asked += 1
        await self.gate.wait()
        return await super().wrap(secret, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Wait, then unwrap or fail."""
        self.asked += 1
        await self.gate.wait()
        return await super().unwrap(wrapped, context)


class Guarded:
    """A breaker with a clock of its own: three failures in 30 seconds open it for three."""

    def __init__(self) -> None:
        self.time = 0.0
        self.root = Slow()
        self.breaker = Breaker(self.root, failures=3, window=30, pause=3, at_once=4, now=lambda: self.time)

    async def fail(self, times: int = 1) -> Unavailable:
        """Fail in a row, each time one second later; return the last error."""
        self.root.reachable = False
        for _ in range(times):
            self.time += 1
            with pytest.raises(Unavailable) as failed:
                await self.breaker.wrap(b"s", CONTEXT)
        self.root.reachable = True
        return failed.value

    async def refused(self) -> Unavailable:
        """Ask while it is open; return the error, after seeing that the service was left alone."""
        before = self.root.asked
        with pytest.raises(Unavailable) as refused:
            async with asyncio.timeout(1):
                await self.breaker.wrap(b"s", CONTEXT)
        assert self.root.asked == before
        return refused.value


@pytest.mark.faults
@pytest.mark.parametrize(("failures", "state"), [(0, "closed"), (1, "closed"), (2, "closed"), (3, "open")])
async def test_the_third_failure_in_a_row_opens_it(failures: int, state: State) -> None:
    """Two failures are let through, the third opens it, and then the service is not asked."""
    guarded = Guarded()
    if failures:
        await guarded.fail(failures)
    assert guarded.breaker.state == state
    if state == "open":
        await guarded.refused()
    else:
        await guarded.breaker.wrap(b"s", CONTEXT)


@pytest.mark.faults
async def test_an_answer_in_between_ends_the_row() -> None:
    """Two failures, an answer and two failures are no three in a row."""
    guarded = Guarded()
    await guarded.fail(2)
    await guarded.breaker.wrap(b"s", CONTEXT)
    await guarded.fail(2)
    assert guarded.breaker.state == "closed"
    await guarded.fail()
    assert guarded.breaker.state == "open"


@pytest.mark.faults
@pytest.mark.parametrize(("pause", "state"), [(28, "open"), (28.1, "closed")])
async def test_failures_that_lie_far_apart_do_not_open_it(pause: float, state: State) -> None:
    """Three failures count if the first is at most 30 seconds before the last."""
    guarded = Guarded()
    await guarded.fail()
    guarded.time += pause
    await guarded.fail(2)
    assert guarded.breaker.state == state


@pytest.mark.faults
async def test_bytes_that_do_not_open_are_no_outage() -> None:
    """Tampered neither opens it, however often, nor keeps it open."""
    guarded = Guarded()
    for _ in range(5):
        with pytest.raises(Tampered):
            await guarded.breaker.unwrap(b"another key's", CONTEXT)
    assert guarded.breaker.state == "closed"
    await guarded.fail(3)
    guarded.time += 3
    with pytest.raises(Tampered):
        await guarded.breaker.unwrap(b"another key's", CONTEXT)
    assert guarded.breaker.state == "closed"


@pytest.mark.faults
async def test_an_open_breaker_repeats_the_reason_and_says_when_to_come_back() -> None:
    """The 503s of three seconds say what the last try heard, and the seconds that are left, rounded up."""
    guarded = Guarded()
    guarded.root.reason = REASON
    assert str(await guarded.fail(3)) == REASON
    for waited, left in [(0, 3), (0.5, 3), (2, 1), (2.9, 1)]:
        guarded.time = 3 + waited
        refused = await guarded.refused()
        assert (str(refused), refused.retry_after) == (REASON, left)


@pytest.mark.faults
async def test_after_the_pause_one_tries_and_the_others_wait() -> None:
    """Of many callers one reaches the service; its answer lets all others through again."""
    guarded = Guarded()
    await guarded.fail(3)
    asked = guarded.root.asked
    guarded.time += 3
    assert guarded.breaker.state == "half-open"
    guarded.root.gate.clear()
    trial = asyncio.create_task(guarded.breaker.wrap(b"s", CONTEXT))
    await asyncio.sleep(0)
    await guarded.refused()
    assert guarded.root.asked == asked + 1
    guarded.root.gate.set()
    await trial
    assert guarded.breaker.state == "closed"
    await guarded.breaker.wrap(b"s", CONTEXT)


@pytest.mark.faults
async def test_a_try_that_fails_opens_it_again() -> None:
    """One failed try is enough for another pause, and recovery needs no restart."""
    guarded = Guarded()
    await guarded.fail(3)
    for _ in range(3):
        guarded.time += 2
        await guarded.fail()
        assert guarded.breaker.state == "open"
    guarded.time += 3
    await guarded.breaker.wrap(b"s", CONTEXT)
    assert guarded.breaker.state == "closed"


@pytest.mark.faults
async def test_a_try_that_is_cancelled_lets_the_next_one_try() -> None:
    """A caller that goes away in the middle of its try does not leave the breaker open for ever."""
    guarded = Guarded()
    await guarded.fail(3)
    guarded.time += 3
    guarded.root.gate.clear()
    trial = asyncio.create_task(guarded.breaker.wrap(b"s", CONTEXT))
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    guarded.root.gate.set()
    assert guarded.breaker.state == "half-open"
    await guarded.breaker.wrap(b"s", CONTEXT)
    assert guarded.breaker.state == "closed"


@pytest.mark.faults
async def test_who_waits_for_a_turn_is_turned_away_when_it_opens() -> None:
    """Of twenty callers of a service that hangs four reach it; the others fail with them, not one by one."""
    guarded = Guarded()
    guarded.root.gate.clear()
    guarded.root.reachable = False
    calls = [asyncio.create_task(guarded.breaker.wrap(b"s", CONTEXT)) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert guarded.root.asked == 4
    guarded.root.gate.set()
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in ended} == {Unavailable}
    # Three open it; the fourth and anyone who got the first places were on their way already.
    assert guarded.root.asked <= 6
    guarded.root.reachable = True
    guarded.time += 3
    await guarded.breaker.wrap(b"s", CONTEXT)


class Confused(FakeRootKey):
    """A key service behind something that may answer with what belongs to another request."""

    def __init__(self) -> None:
        super().__init__()
        self.wrapped_instead: bytes | None = None
        self.secret_instead: bytes | None = None

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap, or answer with what somebody else was to get."""
        wrapped = await super().wrap(secret, context)
        return wrapped if self.wrapped_instead is None else self.wrapped_instead

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap, or answer with what somebody else was to get."""
        secret = await super().unwrap(wrapped, context)
        return secret if self.secret_instead is None else self.secret_instead


async def test_the_secret_lies_before_sixteen_bytes_that_prove_it() -> None:
    """Anyone who opens it by hand finds the secret first; the same secret has another proof elsewhere."""
    root = FakeRootKey()
    checked = CheckedRootKey(root)
    inside = [root.wrapped[await checked.wrap(b"s" * 32, context)][0] for context in (ONE, OTHER)]
    assert [one[:-16] for one in inside] == [b"s" * 32] * 2
    assert inside[0][-16:] != inside[1][-16:]
    # SHA-256("callvault/root/v1" || 00 02 || 00 0a "account_id" 00 05 "acc_1" || ...) by hand, once.
    assert inside[0][-16:].hex() == "58454f7dd68554ba1e532ec096fc5cdf"


@pytest.mark.parametrize("other", [b"", b"t" * 32, b"t" * 48, bytes(48)])
async def test_another_secret_than_was_wrapped_is_tampered(other: bytes) -> None:
    """A key of the right length that is not the one wrapped is never used."""
    root = Confused()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    root.secret_instead = other
    with pytest.raises(Tampered):
        await checked.unwrap(wrapped, ONE)


async def test_the_secret_of_another_account_is_tampered() -> None:
    """Two answers that change places give nobody the key of somebody else."""
    root = Confused()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    theirs = await checked.wrap(b"t" * 32, OTHER)
    root.secret_instead = root.wrapped[theirs][0]
    with pytest.raises(Tampered):
        await checked.unwrap(wrapped, ONE)


async def test_what_does_not_open_is_not_kept() -> None:
    """A wrapped key of another context, or one that is not the secret's, never reaches a row."""
    root = Confused()
    checked = CheckedRootKey(root)
    for context in (ONE, OTHER):
        root.wrapped_instead = None
        root.wrapped_instead = await checked.wrap(b"t" * 32, context)
        with pytest.raises(Tampered):
            await checked.wrap(b"s" * 32, ONE)


async def test_an_outage_stays_an_outage() -> None:
    """Unavailable comes through as it is, in wrapping and in opening."""
    root = FakeRootKey()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    root.reachable = False
    with pytest.raises(Unavailable):
        await checked.wrap(b"s" * 32, ONE)
    with pytest.raises(Unavailable):
        await checked.unwrap(wrapped, ONE)

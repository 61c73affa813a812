"""An account's limits: token buckets on a clock that the test moves, and what holds beside a default and a ceiling."""

import math

from hypothesis import given
from hypothesis import strategies as st

from vault.domain.accounts.limits import BURST_SECONDS, MAX_ACCOUNTS, AccountLimits, OwnLimits, TokenBuckets

DEFAULT = AccountLimits(requests_per_second=20, bytes_in_flight=1000, queue=100)
CEILING = AccountLimits(requests_per_second=200, bytes_in_flight=5000, queue=300)
#: Pauses between requests, in sixteenths of a second, so that sums are exact.
pauses = st.lists(st.integers(min_value=0, max_value=64), min_size=1, max_size=300)


@given(rate=st.integers(min_value=1, max_value=50), steps=pauses)
def test_no_stretch_of_time_holds_more_than_the_burst_and_the_rate(rate: int, steps: list[int]) -> None:
    """Between any two requests that pass, at most burst + rate * seconds pass."""
    buckets, now, passed = TokenBuckets(), 1000.0, []
    for step in steps:
        now += step / 16
        if buckets.take("acct_a", rate, now) == 0:
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            most = rate * BURST_SECONDS + rate * (passed[last] - begin)
            assert last - first + 1 <= most + 1e-6


@given(rate=st.integers(min_value=1, max_value=50), steps=pauses)
def test_who_waits_as_long_as_it_was_told_passes(rate: int, steps: list[int]) -> None:
    """Retry-After is right, rounded up to whole seconds, and is never longer than a second."""
    buckets, now = TokenBuckets(), 1000.0
    for step in steps:
        now += step / 16
        wait = buckets.take("acct_a", rate, now)
        if wait:
            assert math.ceil(wait) == 1
            now += math.ceil(wait)
            assert buckets.take("acct_a", rate, now) == 0


@given(rate=st.integers(min_value=1, max_value=50), steps=pauses)
def test_a_refusal_costs_nothing(rate: int, steps: list[int]) -> None:
    """Who asks too often passes as often as who asks only when it may: refused requests use nothing up."""
    eager, patient, now = TokenBuckets(), TokenBuckets(), 1000.0
    for step in steps:
        now += step / 16
        passes = [eager.take("acct_a", rate, now) == 0 for _ in range(3)]
        assert passes == sorted(passes, reverse=True)
        assert [patient.take("acct_a", rate, now) == 0 for _ in range(sum(passes))] == [True] * sum(passes)


def test_one_accounts_bucket_is_not_anothers() -> None:
    """An empty bucket is that of one account, and it is empty right after its burst."""
    buckets = TokenBuckets()
    taken = [buckets.take("acct_a", 2, 0.0) for _ in range(2 * BURST_SECONDS + 1)]
    assert taken == [0.0] * (2 * BURST_SECONDS) + [0.5]
    assert buckets.take("acct_b", 2, 0.0) == 0


def test_a_hundred_thousand_accounts_do_not_fill_the_memory() -> None:
    """The table has an end, and the account that floods all the while is never forgotten."""
    buckets = TokenBuckets()
    while buckets.take("acct_flood", 1, 0.0) == 0:
        continue
    for number in range(100_000):
        buckets.take(f"acct_{number}", 1, 0.0)
        if number % (MAX_ACCOUNTS // 2) == 0:
            assert buckets.take("acct_flood", 1, 0.0) > 0
    assert len(buckets) == MAX_ACCOUNTS


def test_own_limits_stay_below_a_ceiling_that_was_lowered_later() -> None:
    """What an admin set holds up to today's ceiling; what it did not set is the default."""
    assert OwnLimits().applied(DEFAULT, CEILING) == DEFAULT
    own = OwnLimits(requests_per_second=1000, queue=1)
    expected = AccountLimits(requests_per_second=200, bytes_in_flight=1000, queue=1)
    assert own.applied(DEFAULT, CEILING) == expected

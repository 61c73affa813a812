"""Limits of one account, so that its flood does not delay the others. Pure: the caller has the clock."""

from collections import OrderedDict
from dataclasses import dataclass, fields

#: Seconds' worth of requests that an account may send in a burst after a pause.
BURST_SECONDS = 10
#: Max accounts whose requests a process remembers: the one that sent the last one longest ago is forgotten first.
MAX_ACCOUNTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits:
    """The limits that hold for an account."""

    #: Requests and webhooks per second, in one process, on average.
    requests_per_second: int
    #: Bytes of its uploads in progress, in one process.
    bytes_in_flight: int
    #: Its recordings that wait for a worker, or that one processes.
    queue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLimits:
    """The limits that an admin has set for one account; None: the operator's default."""

    requests_per_second: int | None = None
    bytes_in_flight: int | None = None
    queue: int | None = None

    def applied(self, default: AccountLimits, ceiling: AccountLimits) -> AccountLimits:
        """Return the limits that hold; the operator may have lowered the ceiling since they were set."""
        if self == _NONE:
            return default
        values = {}
        for name in LIMIT_NAMES:
            own: int | None = getattr(self, name)
            values[name] = getattr(default, name) if own is None else min(own, getattr(ceiling, name))
        return AccountLimits(**values)


_NONE = OwnLimits()
#: A number above every sensible limit, and below what the database's integers hold.
MAX_LIMIT = 1_000_000_000_000
LIMIT_NAMES: tuple[str, ...] = tuple(field.name for field in fields(AccountLimits))


@dataclass(slots=True)
class TokenBucket:
    """A token bucket; its user says how fast tokens flow in, and how many fit in."""

    tokens: float
    #: When ``tokens`` was right, in seconds.
    at: float

    def take(self, rate: float, full: float, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one. ``now`` never goes back."""
        self.tokens = min(full, self.tokens + max(0.0, now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an account's requests in this process."""

    #: Requests that fit in the bucket.
    full: int
    #: Requests that it may send at once.
    left: int
    #: Seconds until the bucket is full again, if nothing more is sent.
    full_in: float


class TokenBuckets:
    """A token bucket for each account: ``rate`` tokens per second flow in, and BURST_SECONDS' worth fit in."""

    def __init__(self, *, max_accounts: int = MAX_ACCOUNTS) -> None:
        """Start with full buckets. A forgotten account has a full one again."""
        self._max_accounts = max_accounts
        # Least recently used first: an account that floods is never the one that is forgotten.
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of accounts that are remembered."""
        return len(self._buckets)

    def take(self, account_id: str, rate: int, now: float) -> float:
        """Take a token and return 0, or return the seconds until there is one. ``now`` never goes back."""
        full = float(rate * BURST_SECONDS)
        bucket = self._buckets.setdefault(account_id, TokenBucket(full, now))
        self._buckets.move_to_end(account_id)
        while len(self._buckets) > self._max_accounts:
            self._buckets.popitem(last=False)
        return bucket.take(rate, full, now)

    def quota(self, account_id: str, rate: int) -> Quota:
        """Return what was left when the account last took a token."""
        full = rate * BURST_SECONDS
        bucket = self._buckets.get(account_id)
        tokens = full if bucket is None else min(full, bucket.tokens)
        return Quota(full=full, left=int(tokens), full_in=(full - tokens) / rate)

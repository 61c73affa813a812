"""What the outside world was told, written down as it was told: nothing of it may turn out wrong."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A recording that was announced or uploaded and answered with 2xx."""

    account: str
    ref: str
    #: Which of the bodies it is.
    body: int
    #: The id in the answer; None where a webhook's answer was no more than a 2xx.
    id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """Bytes that a listener got from one request."""

    session: str
    first: int
    #: The first byte that did not come.
    end: int


@dataclass(slots=True)
class Ledger:
    """Everything that was seen from outside. Threads write at the same time."""

    sent: dict[tuple[str, str], Sent] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    #: Ids whose erasure was answered.
    erased: set[str] = field(default_factory=set)
    #: Times between which a switch was off for certain: off had returned, on was not yet asked for.
    off: list[tuple[float, float]] = field(default_factory=list)
    #: Signed checkpoints, as the vault gave them out on the way.
    checkpoints: list[bytes] = field(default_factory=list)
    #: What was answered, by what was asked: ``webhook 202``, ``audio reset``.
    answers: Counter[str] = field(default_factory=Counter)
    #: Seconds from the first try to the answer, by what was asked.
    waited: dict[str, list[float]] = field(default_factory=dict)
    #: What broke a promise; must stay empty.
    violations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, what: str) -> None:
        """Count an answer."""
        with self.lock:
            self.answers[what] += 1

    def took(self, what: str, since: float) -> None:
        """Keep how long something took."""
        with self.lock:
            self.waited.setdefault(what, []).append(time.monotonic() - since)

    def broken(self, what: str) -> None:
        """Write down a broken promise."""
        with self.lock:
            self.violations.append(what)

    def keep(self, one: Sent) -> None:
        """Write down a recording that was acknowledged."""
        with self.lock:
            self.sent[one.account, one.ref] = one

    def candidates(self, account: str) -> list[Sent]:
        """Return what can be heard or erased: acknowledged with an id, and not erased."""
        with self.lock:
            return [
                one
                for one in self.sent.values()
                if one.account == account and one.id is not None and one.id not in self.erased
            ]

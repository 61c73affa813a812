"""The account book of a round: every request with its answer, and every signed checkpoint that was shown."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.failover.requests import Reply
from vault.tlog.checkpoint import Checkpoint, parse_checkpoint

#: What closes something. Once one of these was answered with 2xx, nothing may open it again.
CLOSING = (
    "switch off",
    "erasure",
    "restriction",
    "objection",
    "decline",
    "key revoked",
    "link revoked",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One request of the round."""

    kind: str
    #: The account's name in URLs.
    account: str
    #: What it was about: a recording's id, a number, a call's reference.
    subject: str
    #: What the comparison needs besides, such as a session's cookie.
    more: Mapping[str, Any]
    #: Moments of ``time.monotonic``: before the request was sent, and after its answer.
    sent: float
    answered: float
    #: 0 where no answer came.
    status: int
    #: The base URL of the node that was asked.
    door: str

    @property
    def acknowledged(self) -> bool:
        """Say whether the answer was a yes."""
        return 200 <= self.status < 300

    @property
    def seconds(self) -> float:
        """Return how long the answer took."""
        return self.answered - self.sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A checkpoint that somebody saw."""

    checkpoint: Checkpoint
    note: bytes
    at: float
    #: The base URL of the node that showed it.
    node: str


@dataclass(slots=True)
class AccountBook:
    """What the outside world was told. Threads write at the same time."""

    acts: list[Act] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    #: Named moments of the round, of ``time.monotonic``.
    moments: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, account: str, subject: str, sent: float, reply: Reply, **more: Any) -> Act:
        """Write down a request that has ended."""
        act = Act(
            kind=kind,
            account=account,
            subject=subject,
            more=more,
            sent=sent,
            answered=time.monotonic(),
            status=reply.status,
            door=reply.door,
        )
        with self.lock:
            self.acts.append(act)
        return act

    def saw(self, note: bytes, node: str) -> None:
        """Write down a signed checkpoint."""
        text = note.decode().partition("\n\n")[0] + "\n"
        seen = Shown(checkpoint=parse_checkpoint(text), note=note, at=time.monotonic(), node=node)
        with self.lock:
            self.shown.append(seen)

    def mark(self, name: str) -> float:
        """Keep this moment under a name, and return it."""
        now = self.moments[name] = time.monotonic()
        return now

    def acknowledged(self, kind: str, *, since: float = 0.0, until: float = float("inf")) -> list[Act]:
        """Return the acts of a kind that were sent between two moments and answered with 2xx."""
        with self.lock:
            found = [act for act in self.acts if act.kind == kind and act.acknowledged]
        return [act for act in found if since <= act.sent and act.answered <= until]

    def sent_since(self, moment: float) -> Iterator[Act]:
        """Yield what was asked after a moment."""
        with self.lock:
            found = list(self.acts)
        return (act for act in found if act.sent >= moment)

    def forked_sizes(self) -> tuple[int, int]:
        """Return how many sizes were shown with two roots, and how many sizes were shown."""
        roots: dict[int, set[bytes]] = {}
        for seen in self.shown:
            roots.setdefault(seen.checkpoint.size, set()).add(seen.checkpoint.root)
        return sum(len(one) > 1 for one in roots.values()), len(roots)

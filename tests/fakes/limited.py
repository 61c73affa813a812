"""A simulated CRM that takes so many requests in a window, and says in each answer how many are left."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from vault.domain.outbox.attempt import Answer
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.exchange import Reply, VaultRequest, json_reply

#: The headers of a system: those left, those of a window, the seconds of a window, and the seconds until it ends.
Headers = Callable[[int, int, float, float], Mapping[str, str]]
#: By the header that says how many are left: an answer that has none, such as HubSpot's to a search, gets none.
HEADERS: Final[Mapping[str, Headers]] = {
    "x-hubspot-ratelimit-remaining": lambda left, limit, seconds, _: {
        "x-hubspot-ratelimit-remaining": str(left),
        "x-hubspot-ratelimit-max": str(limit),
        "x-hubspot-ratelimit-interval-milliseconds": str(round(seconds * 1000)),
    },
    "x-ratelimit-remaining": lambda left, limit, _, ends_in: {
        "x-ratelimit-remaining": str(left),
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-reset": str(ceil(ends_in)),
    },
}


def answered(reply: Reply) -> Answer:
    """Return a reply as the client of the vault gives it."""
    names = {name.lower(): it for name, it in reply.headers.items()}
    return Answer(status=reply.status, headers=names, body=reply.body)


@dataclass
class Paced:
    """A CRM that takes so many requests of one path in any such time, and says nothing of it before it refuses."""

    peer: SimulatedCrm
    path: str
    limit: int
    seconds: float
    refused: int = 0
    #: When those of the path came, by ``monotonic``.
    came: list[float] = field(default_factory=list)

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        if urlsplit(url).path.endswith(self.path):
            now = time.monotonic()
            self.came.append(now)
            if sum(one > now - self.seconds for one in self.came) > self.limit:
                self.refused += 1
                return answered(json_reply(429, {}, {"retry-after": "1"}))
        return answered(self.peer.answer(_asked(method, url, headers, body)))


@dataclass
class Limited:
    """It counts every request, from whatever node; one that it refuses counts too."""

    peer: SimulatedCrm
    limit: int
    seconds: float
    is_limited: bool = True
    requests: int = 0
    refused: int = 0
    #: Methods of what it took, in their order.
    took: list[str] = field(default_factory=list)
    #: Seconds of CPU of its own work.
    cpu: float = 0.0
    _since: float = 0.0
    _in_window: int = 0

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        begun = time.process_time()
        self.requests += 1
        reply = self._reply(method, url, headers, body)
        self.cpu += time.process_time() - begun
        return answered(reply)

    def _reply(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        left = self._left()
        if left < 0:
            self.refused += 1
            return json_reply(429, {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"})
        self.took.append(method)
        self.peer.asked.clear()
        reply = self.peer.answer(_asked(method, url, headers, body))
        ends_in = self._since + self.seconds - time.monotonic()
        for name, said in HEADERS.items():
            if name in reply.headers:
                return replace(
                    reply, headers={**reply.headers, **said(left, self.limit, self.seconds, ends_in)}
                )
        return reply

    def _left(self) -> int:
        if not self.is_limited:
            return self.limit
        if (now := time.monotonic()) - self._since >= self.seconds:
            self._since, self._in_window = now, 0
        self._in_window += 1
        return self.limit - self._in_window


def _asked(method: str, url: str, headers: Mapping[str, str], body: bytes) -> VaultRequest:
    parts = urlsplit(url)
    return VaultRequest(
        method=method, path=unquote(parts.path), query=parse_qsl(parts.query, keep_blank_values=True), body=body,
        headers={name.lower(): value for name, value in headers.items()},
    )  # fmt: skip

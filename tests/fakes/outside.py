"""An Outside in memory: receivers that answer in turn, and a record of what was sent."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vault.domain.outbox.attempt import Answer
from vault.errors import FetchFailed
from vault.ports.outside import Post
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.outside import GuardedOutside

#: Answers a request: its method, URL, headers and body.
Peer = Callable[[str, str, Mapping[str, str], bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """One POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeOutside:
    """Receivers by URL. One that it does not know takes everything."""

    #: Answers in the order they are given; the last one stays.
    answers: dict[str, list[Answer | FetchFailed]] = field(default_factory=dict)
    sent: list[Posted] = field(default_factory=list)
    #: Systems by their hosts.
    peers: dict[str, Peer] = field(default_factory=dict)

    def answer(self, url: str, *answers: Answer | FetchFailed) -> None:
        """Let a receiver answer with these, one after the other."""
        self.answers[url] = list(answers)

    def check(self, url: str) -> None:
        """Refuse what the client of the vault refuses."""
        GuardedOutside(GuardedHttp()).check(url)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
    ) -> Answer:
        """Let the peer with this host answer; the client of the vault refuses a host that the request does not name."""
        host = urlsplit(url).hostname or ""
        if host not in hosts:
            raise FetchFailed("The host is not one of the provider's.", final=True)
        return await self.peers[host](method, url, headers, body)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer as told."""
        self.sent.append(Posted(url=url, headers=headers, body=body))
        answers = self.answers.get(url, [Answer(status=204)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, FetchFailed):
            raise answer
        return answer

    @asynccontextmanager
    async def keep_alive(self) -> AsyncIterator[Post]:
        """Post as always: in memory there is no connection."""
        yield self.post

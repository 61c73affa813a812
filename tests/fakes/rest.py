"""A RestClient in memory: answers by method and URL, and a record of what was asked."""

from dataclasses import dataclass, field

from vault.domain.calls.provider_api import RestReply, RestRequest
from vault.errors import FetchFailed
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.rest import ProviderRest


@dataclass
class FakeRest:
    """A provider's REST interface. What it does not know is 404, as at a provider."""

    #: Answers in the order they are given; the last one stays.
    answers: dict[tuple[str, str], list[RestReply | FetchFailed]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, method: str, url: str, *replies: RestReply | FetchFailed) -> None:
        """Answer ``method`` on ``url`` with these, one after the other."""
        self.answers[method, url] = list(replies)

    def check(self, request: RestRequest) -> None:
        """Refuse what the client of the vault refuses."""
        ProviderRest(GuardedHttp()).check(request)

    async def send(self, request: RestRequest) -> RestReply:
        """Answer as told."""
        self.asked.append((request.method, request.url))
        replies = self.answers.get((request.method, request.url), [RestReply(status=404, body=b"")])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, FetchFailed):
            raise reply
        return reply

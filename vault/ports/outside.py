"""What the vault sends to others: requests to public addresses."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from vault.domain.outbox.attempt import Answer

#: Sends a POST to a URL with headers and a body, as ``Outside.post`` does.
Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]
#: Sends a request: its method, URL, headers, body, and the hosts that it may go to; as ``Outside.request`` does.
SendRequest = Callable[[str, str, Mapping[str, str], bytes, Sequence[str]], Awaitable[Answer]]


class Outside(Protocol):
    """Sends to receivers that accounts name. It reaches no address inside the operator's network."""

    def check(self, url: str) -> None:
        """Raise FetchFailed, without the URL in its message, for a URL to which ``post`` never sends."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer of any status, after 10 seconds at most; no redirect is followed.

        Raises FetchFailed, without the URL in its message; unless it is ``final`` or ``unsent``, the message may have
        arrived.
        """

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, hosts: Sequence[str]
    ) -> Answer:
        """Send a request as ``post`` does, to one of these hosts; of the answer up to 1 MiB is read.

        A body that did not come whole in time ends where it was.
        """

    def keep_alive(self) -> AbstractAsyncContextManager[Post]:
        """Yield what posts messages to one receiver, one after the other, by one connection as long as it lasts.

        Each is sent as ``post`` sends it: the address is looked up and checked again.
        """

"""What the vault sends to others: one POST to a public address."""

from collections.abc import Mapping
from typing import Protocol

from vault.domain.outbox.attempt import Answer


class Outside(Protocol):
    """Sends to receivers that accounts name. It reaches no address inside the operator's network."""

    def check(self, url: str) -> None:
        """Raise FetchFailed, without the URL in its message, for a URL to which ``post`` never sends."""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer of any status, after 10 seconds at most; no redirect is followed.

        Raises FetchFailed, without the URL in its message; unless it is ``final`` or ``unsent``, the message may have
        arrived.
        """

"""One account with a connection to one provider, as somebody sees it who sends it bad deliveries."""

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.by_provider import sender
from tests.support.sender import API_BASE, Payload, Sender
from tests.support.tenant import PATIENCE, WITHOUT_EVIDENCE
from vault.simulator.exchange import Webhook

#: A name that no provider has, of an address that nobody may fetch from: such a recording fails immediately.
NOWHERE = "https://localhost/nothing.wav"


@dataclass
class Attacked:
    """The account, and who truly sends to it."""

    admin: httpx.Client
    outside: httpx.Client
    sender: Sender
    account: str
    url: str

    @classmethod
    def open(cls, admin: httpx.Client, outside: httpx.Client, provider: str) -> "Attacked":
        """Open a new account and connect it."""
        account, who = f"h{secrets.token_hex(6)}", sender(provider)
        assert admin.put(f"/v1/accounts/{account}", json={}).status_code == 201
        assert admin.patch(f"/v1/accounts/{account}/consent-policy", json=WITHOUT_EVIDENCE).status_code == 200
        said = {
            "provider": provider,
            "credentials": who.credentials,
            "api_base": API_BASE,
            "delete_at_source": False,
        }
        connection = admin.put(f"/v1/accounts/{account}/connections/main", json=said)
        assert connection.status_code == 200, connection.text
        return cls(admin, outside, who, account, connection.json()["webhook_url"])

    def ready(self, media: str = NOWHERE) -> Payload:
        """Return the true payload of a new recording."""
        return self.sender.ready(self.url, media)

    def signed(self, media: str = NOWHERE) -> Webhook:
        """Return the true delivery of a new recording."""
        return self.sender.signed(self.ready(media), self.url)

    def deliver(self, webhook: Webhook) -> httpx.Response:
        """Send something, as anybody can."""
        return self.outside.post(self.url, content=webhook.body, headers=dict(webhook.headers))

    def refuses(self, webhook: Webhook) -> None:
        """Send something that is not authentic: 401, and no recording."""
        answered = self.deliver(webhook)
        assert answered.status_code == 401, (answered.status_code, answered.text)
        assert self.recordings() == []

    def recordings(self) -> list[dict[str, Any]]:
        """Return every recording of the account."""
        found: list[dict[str, Any]] = []
        wanted: dict[str, Any] = {"limit": 200}
        while True:
            page = self.admin.get(f"/v1/accounts/{self.account}/recordings", params=wanted)
            assert page.status_code == 200, page.text
            found += page.json()["items"]
            wanted["cursor"] = page.json()["next_cursor"]
            if wanted["cursor"] is None:
                return found

    def lives_on(self) -> None:
        """Send a true delivery: it is accepted, and the same again is the same recording."""
        before, webhook = len(self.recordings()), self.signed()
        first, second = self.deliver(webhook), self.deliver(webhook)
        assert self.of_one([first, second])
        assert len(self.recordings()) == before + 1

    def of_one(self, answers: list[httpx.Response]) -> bool:
        """Say whether one delivery made one recording: accepted first, then a duplicate.

        Nobody has its media, so it may have failed before the delivery came again: then it starts over, under its id.
        """
        said = [(one.status_code, one.json()["status"]) for one in answers]
        assert (202, "accepted") in said, said
        assert {*said} <= {(202, "accepted"), (200, "duplicate")}, said
        return len({one.json()["recording"] for one in answers}) == 1

    def fails(self, media: str) -> str:
        """Announce a recording at ``media`` that can never be fetched, and return why.

        The customer's own software is told at once; a provider's recording fails.
        """
        if self.sender.name == "platform":
            answered = self.deliver(self.signed(media))
            if answered.status_code == 422:
                assert media not in answered.text
                return str(answered.json()["detail"]).partition("can never be fetched: ")[2]
            reason = self._reason(answered, "failed")
        else:
            reason = self._reason(self.deliver(self.signed(media)), "failed")
        assert media not in reason
        return reason

    def arrives(self, media: str) -> None:
        """Announce a recording at ``media``, and wait until it is available."""
        self._ends(self.deliver(self.signed(media)), "available")

    def _reason(self, answered: httpx.Response, state: str) -> str:
        (reason,) = self._ends(answered, state)["reasons"]
        assert reason["code"] == "fetch_failed"
        return str(reason["text"])

    def _ends(self, answered: httpx.Response, state: str) -> dict[str, Any]:
        assert answered.status_code == 202, answered.text
        where = f"/v1/accounts/{self.account}/recordings/{answered.json()['recording']}"
        deadline = time.monotonic() + PATIENCE
        while (found := self.admin.get(where).json())["state"] != state:
            assert time.monotonic() < deadline, f"It stays {found['state']}: {found['reasons']}"
            time.sleep(0.03)
        return dict(found)


@dataclass
class Canary:
    """A listener that nobody should ever talk to."""

    port: int
    connections: int = 0


@contextmanager
def canary() -> Iterator[Canary]:
    """Listen on loopback to the end of the block, and count who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bird = Canary(listening.getsockname()[1])
        ending = threading.Event()

        def watch() -> None:
            while True:
                connection, _ = listening.accept()
                connection.close()
                if ending.is_set():
                    return
                bird.connections += 1

        thread = threading.Thread(target=watch, name="canary")
        thread.start()
        try:
            yield bird
        finally:
            ending.set()
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", bird.port), timeout=5).close()
            thread.join(5)

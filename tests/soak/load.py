"""The load: platforms that deliver and upload, listeners, an admin at the switch, and erasures.

Each of them behaves as its kind does in the world: it tries again on another node until it has an answer.
"""

import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import httpx

from tests.soak.ledger import Ledger, Received, Sent
from tests.support.crowd import Crowd
from tests.support.tenant import Tenant, moment, open_link
from vault.telephony.signatures.standard_webhooks import sign

#: Seconds between two of one worker's deeds, so that two cores serve the vault and not its load alone.
_BREATH = 0.5
#: Seconds after which one request is given up, to be tried on the next node.
_PATIENCE = 15.0
_OK = 200
_CREATED = 201
_ERROR = 500


@dataclass(kw_only=True)
class Load(Crowd):
    """All that goes on concurrently, until ``stop``."""

    #: Seconds, from and to: before the switch goes off, and until it is on again.
    before_off: ClassVar[tuple[float, float]] = (3, 10)
    off_for: ClassVar[tuple[float, float]] = (1, 5)
    #: Seconds between two looks at the checkpoint.
    between_looks: ClassVar[float] = 20
    #: Base URLs of the nodes that serve.
    nodes: list[str]
    key: str
    #: Audio, and where the media host serves each.
    bodies: list[bytes]
    urls: list[str]
    #: Accounts that always record, and one whose switch goes off and on.
    steady: list[Tenant]
    switched: Tenant
    ledger: Ledger = field(default_factory=Ledger)

    def start(self) -> None:
        """Begin."""
        work: list[Callable[[random.Random], None]] = [
            *[self.deliver] * 3, *[self.upload] * 2, *[self.listen] * 3, self.erase, self.switch, self.watch,
        ]  # fmt: skip
        for number, deed in enumerate(work):
            chance = random.Random(number)  # noqa: S311 - the same again
            self.add(deed.__name__, partial(self._once, deed, chance))

    def _once(self, deed: Callable[[random.Random], None], chance: random.Random) -> float:
        try:
            deed(chance)
        except (httpx.TransportError, AssertionError, KeyError, ValueError) as error:
            self.ledger.say(f"{deed.__name__}: {type(error).__name__}")
        return _BREATH * chance.uniform(0.5, 1.5)

    def client(self, chance: random.Random, *, keyed: bool = True) -> httpx.Client:
        """Return a client of one of the nodes."""
        headers = {"Authorization": f"Bearer {self.key}"} if keyed else {}
        return httpx.Client(base_url=chance.choice(self.nodes), headers=headers, timeout=_PATIENCE)

    def until_answered(
        self, what: str, chance: random.Random, ask: Callable[[httpx.Client], httpx.Response]
    ) -> httpx.Response:
        """Ask one node after another until one gives an answer that is none of trouble."""
        since = time.monotonic()
        while True:
            try:
                with self.client(chance) as http:
                    answer = ask(http)
            except httpx.TransportError as error:
                self.ledger.say(f"{what} {type(error).__name__}")
            else:
                self.ledger.say(f"{what} {answer.status_code}")
                if answer.status_code < _ERROR and not (
                    answer.status_code == 409 and "Retry-After" in answer.headers
                ):
                    self.ledger.took(what, since)
                    return answer
            time.sleep(0.3)

    def deliver(self, chance: random.Random) -> None:
        """Announce a recording by a signed webhook, the same delivery again until it is taken."""
        tenant = chance.choice([*self.steady, self.switched])
        body, ref, now = chance.randrange(len(self.bodies)), f"w-{secrets.token_hex(6)}", datetime.now(UTC)
        data = {
            "call_ref": ref,
            "recording_ref": ref,
            "recording_url": self.urls[body],
            "started_at": moment(now),
            "ended_at": moment(now),
        }
        text = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": data}).encode()
        delivery = secrets.token_hex(8)
        path = httpx.URL(tenant.webhook_url).path

        def post(http: httpx.Client) -> httpx.Response:
            signed = sign(tenant.secret, delivery_id=delivery, sent_at=datetime.now(UTC), body=text)
            return http.post(path, content=text, headers=signed)

        answer = self.until_answered("webhook", chance, post)
        if answer.is_success:
            self.ledger.keep(Sent(account=tenant.name, ref=ref, body=body, id=answer.json().get("recording")))

    def upload(self, chance: random.Random) -> None:
        """Send a recording, again until it is taken."""
        tenant = chance.choice(self.steady)
        body, ref = chance.randrange(len(self.bodies)), f"u-{secrets.token_hex(6)}"
        path = tenant.url(f"/calls/{ref}/recordings/{ref}")
        answer = self.until_answered("upload", chance, lambda http: http.put(path, content=self.bodies[body]))
        if answer.is_success:
            self.ledger.keep(Sent(account=tenant.name, ref=ref, body=body, id=answer.json()["id"]))
        else:
            self.ledger.broken(f"An upload of {tenant.name}/{ref} was answered with {answer.status_code}.")

    def listen(self, chance: random.Random) -> None:
        """Open a link of a recording and hear a part of it; what comes must be what was sent in."""
        tenant = chance.choice(self.steady)
        known = self.ledger.candidates(tenant.name)
        if not known:
            return
        one = chance.choice(known)
        wanted = {"listener": "Kim", "expires_in": 60}
        made = self.until_answered(
            "link", chance, lambda http: http.post(tenant.url(f"/recordings/{one.id}/links"), json=wanted)
        )
        if made.status_code != _CREATED:
            return  # It is not available yet, or not any more.
        path = httpx.URL(made.json()["url"]).path
        with self.client(chance, keyed=False) as browser:
            opened = open_link(browser, str(browser.base_url).rstrip("/") + path)
            self.ledger.say(f"open {opened.status_code}")
            if "location" in opened.headers:
                self._hear(browser, opened.headers["location"], one, chance)

    def _hear(self, browser: httpx.Client, path: str, one: Sent, chance: random.Random) -> None:
        body = self.bodies[one.body]
        first = chance.choice([0, chance.randrange(len(body))])
        got = bytearray()
        status = "reset"
        try:
            with browser.stream("GET", f"{path}/audio", headers={"Range": f"bytes={first}-"}) as answer:
                status = str(answer.status_code)
                if answer.status_code not in {_OK, 206}:
                    self.ledger.say(f"audio {status}")
                    return
                for block in answer.iter_raw(65_536):
                    got += block
        except httpx.TransportError:
            status = "reset"
        self.ledger.say(f"audio {status}")
        if body[first : first + len(got)] != bytes(got):
            self.ledger.broken(f"Wrong bytes of {one.account}/{one.ref} from {first} on.")
        session = path.removeprefix("/s/")
        with self.ledger.lock:
            self.ledger.received.append(Received(session=session, first=first, end=first + len(got)))

    def erase(self, chance: random.Random) -> None:
        """Erase a recording; from the answer on, nobody hears it."""
        time.sleep(2)
        tenant = chance.choice(self.steady)
        known = self.ledger.candidates(tenant.name)
        if not known:
            return
        one = chance.choice(known)
        assert one.id is not None
        path = tenant.url(f"/recordings/{one.id}")
        answer = self.until_answered("erase", chance, lambda http: http.delete(path))
        if answer.status_code not in {202, 410}:
            self.ledger.broken(f"Erasing {one.id} was answered with {answer.status_code}.")
            return
        with self.ledger.lock:
            self.ledger.erased.add(one.id)
        again = self.until_answered("audio of erased", chance, lambda http: http.get(path + "/audio"))
        if again.is_success:
            self.ledger.broken(f"{one.id} was heard after its erasure.")

    def switch(self, chance: random.Random) -> None:
        """Switch one account off for a while, and on again."""
        path = self.switched.url("/recording-switch")

        def turn(*, enabled: bool) -> None:
            self.until_answered("switch", chance, lambda http: http.put(path, json={"enabled": enabled}))

        time.sleep(chance.uniform(*self.before_off))
        turn(enabled=False)
        returned = time.time()
        time.sleep(chance.uniform(*self.off_for))
        asked = time.time()
        turn(enabled=True)
        with self.ledger.lock:
            self.ledger.off.append((returned, asked))

    def watch(self, chance: random.Random) -> None:
        """Keep a checkpoint now and then, as an auditor does."""
        time.sleep(self.between_looks)
        answer = self.until_answered("checkpoint", chance, lambda http: http.get("/v1/access-log/checkpoint"))
        if answer.status_code == _OK:
            with self.ledger.lock:
                self.ledger.checkpoints.append(answer.content)

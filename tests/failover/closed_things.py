"""Things that were closed, and everybody who asks for them again: an erased, a refused and a switched-off recording."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.failover.account_book import AccountBook, Act
from tests.failover.requests import Door, DoorCrowd, Reply
from tests.failover.stage import account_path, call_facts, new_number
from tests.servers.media_thread import MediaThread
from tests.support.tenant import Tenant, moment, tone
from vault.telephony.signatures.standard_webhooks import sign

#: Seconds between two requests of one kind.
_PAUSE = 0.1
#: Seconds after which what was closed is in the object store, with the log that says so.
SETTLED = 4.0
#: Answers that deny what exists: an account, a connection, a key.
_DENIALS = (401, 404)


@dataclass(slots=True, kw_only=True)
class ClosedThings:
    """What was closed in a vault. ``home`` has the recordings; recording is switched off for ``silent``."""

    home: Tenant
    silent: Tenant
    media: MediaThread
    erased: str = ""
    restricted: str = ""
    #: A party of this call said no.
    refused_call: str = "said-no"

    @classmethod
    def open(cls, home: Tenant, silent: Tenant, media: MediaThread) -> "ClosedThings":
        """Make what will be closed: all of it can be heard, and all of it is in the object store."""
        things = cls(home=home, silent=silent, media=media)
        for ref in ("erased", "restricted"):
            url = media.serve(f"/{ref}.wav", tone(1.0, hertz=440 + len(ref)))
            told = home.announce(url, call=f"call-{ref}", ref=ref)
            assert told.status_code == 202, told.text
            recording = told.json()["recording"]
            home.wait(recording)
            setattr(things, ref, recording)
        facts = home.http.put(home.url(f"/calls/{things.refused_call}"), json=call_facts(new_number()))
        assert facts.status_code in {200, 201}, facts.text
        return things

    def close(self) -> None:
        """Erase, restrict, refuse and switch off; each is acknowledged."""
        home = self.home
        no = {"party": "caller", "event": "declined", "method": "key", "at": moment(datetime.now(UTC))}
        answers = [
            home.http.delete(home.url(f"/recordings/{self.erased}")),
            home.http.put(home.url(f"/recordings/{self.restricted}/restriction"), json={"reason": "asked"}),
            home.http.post(home.url(f"/calls/{self.refused_call}/consent"), json=no),
        ]
        assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
        self.silent.switch(enabled=False)


@dataclass(kw_only=True)
class Askers(DoorCrowd):
    """A platform that repeats what was closed, and a listener: each at a steady pace, on every node in turn."""

    things: ClosedThings
    book: AccountBook = field(default_factory=AccountBook)

    def start(self) -> "Askers":
        """Begin."""
        deeds = [self.repeat_erased, self.repeat_refused, self.announce_silent, self.listen, self.look]
        self.begin((deed, _PAUSE) for deed in deeds)
        return self

    def repeat_erased(self, door: Door) -> None:
        """Announce the erased recording again."""
        self._announce(door, self.things.home, "erased", call="call-erased", ref="erased")

    def repeat_refused(self, door: Door) -> None:
        """Announce a recording of the call whose party said no."""
        self._announce(door, self.things.home, "refused", call=self.things.refused_call, ref="refused")

    def announce_silent(self, door: Door) -> None:
        """Announce a new recording of the account whose recording is off."""
        ref = f"silent-{secrets.token_hex(6)}"
        self._announce(door, self.things.silent, "silent", call=ref, ref=ref)

    def listen(self, door: Door) -> None:
        """Ask for the audio of the restricted recording."""
        home, recording, sent = self.things.home.name, self.things.restricted, time.monotonic()
        reply = door.rest("GET", account_path(home, f"/recordings/{recording}/audio"))
        self.book.note("restricted audio", home, recording, sent, reply)

    def look(self, door: Door) -> None:
        """Ask whether the node wants requests."""
        sent = time.monotonic()
        self.book.note("readyz", "", "", sent, door.send("GET", "/readyz"))

    def open_answers(self, since: float, until: float) -> list[str]:
        """Return what was answered with a yes, or with a no that denies what exists, between two moments."""
        return self._found(
            since,
            until,
            # A node's readiness may be a second old; how long it says yes is a figure of its own.
            lambda act: act.kind != "readyz" and (act.acknowledged or act.status in _DENIALS),
        )

    def impossible_answers(self, since: float, until: float) -> list[str]:
        """Return the answers that the vault's own database never gives either, between two moments."""
        announced = {"erased", "refused", "silent"}
        return self._found(
            since,
            until,
            lambda act: (
                (act.kind in announced and act.status in {202, *_DENIALS})
                or (act.kind == "restricted audio" and (act.acknowledged or act.status == 401))
            ),
        )

    def _found(self, since: float, until: float, is_wrong: Callable[[Act], bool]) -> list[str]:
        acts = [act for act in self.book.sent_since(since) if act.answered < until and is_wrong(act)]
        return [f"{act.sent - since:.1f} s: {act.kind} {act.subject} {act.status}" for act in acts]

    def is_fenced(self, since: float) -> bool:
        """Say whether every node answered 503 when it was asked whether it is ready, and has not been ready since."""
        last = {act.door: act.status for act in self.book.sent_since(since) if act.kind == "readyz"}
        return len(last) == len(self.doors) and set(last.values()) == {503}

    def _announce(self, door: Door, tenant: Tenant, kind: str, *, call: str, ref: str) -> None:
        now = datetime.now(UTC)
        media = "/erased.wav" if ref == "erased" else "/new.wav"
        data: dict[str, Any] = {
            "call_ref": call, "recording_ref": ref, "started_at": moment(now), "ended_at": moment(now),
            "recording_url": self.things.media.serve(media, tone(1.0)),
        }  # fmt: skip
        body = json.dumps({"type": "recording.completed", "timestamp": moment(now), "data": data}).encode()
        headers = sign(tenant.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
        sent = time.monotonic()
        reply: Reply = door.send("POST", tenant.webhook_url, body, headers)
        self.book.note(kind, tenant.name, ref, sent, reply)

"""The load of a round: platforms, listeners, an admin and an auditor, each at a steady pace of his own."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.failover.account_book import AccountBook
from tests.failover.requests import Deed, Door, DoorCrowd, Reply
from tests.failover.stage import Stage, account_path, call_facts, new_number
from tests.support.tenant import tone
from vault.tlog.proof_file import parse_proof_file

#: Seconds between two deeds of one kind.
CALLS, UPLOADS, LISTENING, ACTS, AUDITS, WATCH = 0.2, 0.4, 0.4, 0.8, 0.4, 0.1

#: Seconds after which an event surely has its place in the tree.
_SEQUENCED = 0.3


@dataclass(kw_only=True)
class Load(DoorCrowd):
    """The clients of a round, until ``stop``."""

    stage: Stage
    book: AccountBook
    #: More is slower: every pause is multiplied by it.
    slowness: float = 1.0
    #: The place of the newest event that an auditor saw.
    _newest: int = 0
    #: Numbers whose objection was not answered with 2xx.
    _refused_numbers: list[str] = field(default_factory=list)
    _audio: bytes = field(default_factory=lambda: tone(1.0))

    def start(self) -> "Load":
        """Begin."""
        deeds: list[tuple[Deed, float]] = [
            (self.start_call, CALLS),
            (self.upload, UPLOADS),
            (self.listen, LISTENING),
            (self.toggle, ACTS),
            (self.audit, AUDITS),
            (self.read, LISTENING),
            *((act, ACTS) for act in self.closing()),
        ]
        self.begin((deed, pause * self.slowness) for deed, pause in deeds)
        return self

    def closing(self) -> list[Deed]:
        """Return the deeds that close something."""
        return [
            self.switch_off, self.erase, self.restrict, self.object, self.decline, self.revoke_key, self.revoke_link,
        ]  # fmt: skip

    def closely(self, door: Door) -> None:
        """Close one thing of each kind, with a checkpoint after each: so every size of the log is shown."""
        for act in self.closing():
            act(door)
            time.sleep(_SEQUENCED)
            self.audit(door)

    def start_call(self, door: Door) -> None:
        """Announce a call."""
        account, ref = self.stage.accounts[1], f"call-{secrets.token_hex(6)}"
        sent = time.monotonic()
        reply = door.rest("PUT", account_path(account, f"/calls/{ref}"), call_facts())
        self.book.note("call start", account, ref, sent, reply)

    def upload(self, door: Door) -> None:
        """Send a recording of one second."""
        account, ref = self.stage.accounts[2], f"up-{secrets.token_hex(6)}"
        sent = time.monotonic()
        reply = door.put_audio(account_path(account, f"/calls/{ref}/recordings/{ref}"), self._audio)
        self.book.note("upload", account, ref, sent, reply, id=_id(reply))

    def listen(self, door: Door) -> None:
        """Hear a recording."""
        account, recording = self.stage.home, self.stage.heard
        sent = time.monotonic()
        reply = door.rest("GET", account_path(account, f"/recordings/{recording}/audio"))
        self.book.note("listen", account, recording, sent, reply)

    def read(self, door: Door) -> None:
        """List recordings, which writes nothing."""
        account, sent = self.stage.home, time.monotonic()
        reply = door.rest("GET", account_path(account, "/recordings?limit=5"))
        self.book.note("read", account, "", sent, reply)

    def toggle(self, door: Door) -> None:
        """Switch one account off and on."""
        account = self.stage.accounts[1]
        for enabled in (False, True):
            sent = time.monotonic()
            reply = door.rest("PUT", account_path(account, "/recording-switch"), {"enabled": enabled})
            self.book.note("toggle on" if enabled else "toggle off", account, account, sent, reply)

    def switch_off(self, door: Door) -> None:
        """Switch an account off for good."""
        for account in _taken(self.stage.switches):
            wish = _Wish("PUT", account_path(account, "/recording-switch"), {"enabled": False})
            self._close(door, "switch off", wish, account, self.stage.switches, account=account)

    def erase(self, door: Door) -> None:
        """Erase a recording."""
        for recording in _taken(self.stage.erasures):
            wish = _Wish("DELETE", account_path(self.stage.home, f"/recordings/{recording}"))
            self._close(door, "erasure", wish, recording, self.stage.erasures)

    def restrict(self, door: Door) -> None:
        """Restrict a recording."""
        for recording in _taken(self.stage.restrictions):
            path = account_path(self.stage.home, f"/recordings/{recording}/restriction")
            wish = _Wish("PUT", path, {"reason": "asked"})
            self._close(door, "restriction", wish, recording, self.stage.restrictions)

    def object(self, door: Door) -> None:
        """Put a number on the list of those that are not recorded."""
        number = self._refused_numbers.pop() if self._refused_numbers else new_number()
        path = account_path(self.stage.home, f"/objections/{quote(number, safe='')}")
        self._close(door, "objection", _Wish("PUT", path, {"reason": "asked"}), number, self._refused_numbers)

    def decline(self, door: Door) -> None:
        """Tell that a party said no."""
        for call in _taken(self.stage.calls):
            said = {"party": "caller", "event": "declined", "method": "key", "at": call_facts()["started_at"]}
            wish = _Wish("POST", account_path(self.stage.home, f"/calls/{call}/consent"), said)
            self._close(door, "decline", wish, call, self.stage.calls)

    def revoke_key(self, door: Door) -> None:
        """Revoke an API key."""
        for key in _taken(self.stage.keys):
            wish = _Wish("DELETE", f"/v1/keys/{key['id']}")
            self._close(door, "key revoked", wish, key, self.stage.keys, key=key["key"])

    def revoke_link(self, door: Door) -> None:
        """Revoke a link, and with it its session."""
        for one in _taken(self.stage.shared):
            wish = _Wish(
                "DELETE", account_path(self.stage.home, f"/recordings/{one.recording}/links/{one.link}")
            )
            self._close(door, "link revoked", wish, one, self.stage.shared, shared=one)

    def _close(
        self,
        door: Door,
        kind: str,
        wish: "_Wish",
        subject: Any,
        subjects: list[Any],
        *,
        account: str = "",
        **more: Any,
    ) -> None:
        """Close something, and write it down; what was not answered with 2xx is tried again later."""
        sent = time.monotonic()
        reply = door.rest(wish.method, wish.path, wish.said)
        act = self.book.note(kind, account or self.stage.home, str(subject), sent, reply, **more)
        if not act.acknowledged:
            subjects.insert(0, subject)

    def audit(self, door: Door) -> None:
        """Keep the checkpoint, and the receipt of an account's newest event."""
        sent = time.monotonic()
        reply = door.send("GET", "/v1/access-log/checkpoint")
        self.book.note("checkpoint", "", "", sent, reply)
        if reply.status == 200:
            self.book.saw(reply.body, door.base)
        account, sent = self.stage.home, time.monotonic()
        page = door.rest("GET", account_path(account, f"/access-events?limit=1000&cursor={self._newest}"))
        if page.status != 200:
            return
        if not page.said["items"]:
            self._newest = 0  # The log is shorter than it was.
            return
        index = self._newest = page.said["items"][-1]["index"]
        proof = door.rest("GET", account_path(account, f"/access-events/{index}/proof"))
        self.book.note("proof", account, str(index), sent, proof)
        if proof.status == 200:
            self.book.saw(parse_proof_file(proof.body).checkpoint, door.base)


@dataclass(frozen=True, slots=True)
class _Wish:
    """A request that is not sent yet."""

    method: str
    path: str
    said: object = None


def _taken(subjects: list[Any]) -> list[Any]:
    """Take one away, if there is one left."""
    return [subjects.pop()] if subjects else []


def _id(reply: Reply) -> str | None:
    return reply.said["id"] if reply.status in {200, 201} else None

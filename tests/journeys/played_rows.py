"""A row of the table of admission, played through a running service: by call start, consent, switch and webhook.

Most rows are told after the fact, at their true scale: the call began 75 seconds ago. Where the vault's own clock
decides (the switch, an objection that ends) the call is as short as what happens in it, and happens now.
"""

import io
import time
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.media_thread import MediaThread
from tests.support.admission_table import TOLD
from tests.support.tenant import PATIENCE, Tenant, moment

#: caller's place, callee's place, told and answered, more of the case: as in the table.
Row = tuple[str | None, str | None, str, str]
#: Numbers whose prefix is in California, and what shows no place.
CALLER, CALLEE, HIDDEN = "+14155550187", "+14155550123", "anonymous"
#: What the vault's own clock writes down: before the call, and in the middle of it.
BEFORE = {"off before": ("off", "on"), "objection ended before": ("object", "take back")}
MEANWHILE = {
    "off": ("off",),
    "off objection": ("off",),
    "off and on": ("off", "on"),
    "objection ended mid-call": ("object", "take back"),
}
#: Where reasons that speak against a recording come from.
AGAINST = frozenset({"consent", "recording-switch", "objections"})
RESTING = frozenset({"available", "quarantined", "refused", "failed"})


def silence(seconds: float) -> bytes:
    """Return a WAV file in which nothing is heard."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"\x80" * round(seconds * 8000))
    return out.getvalue()


def pause() -> datetime:
    """Let the clock go on by more than it is written down with, and return what it says."""
    time.sleep(0.005)
    at = datetime.now(UTC)
    time.sleep(0.005)
    return at


def words(more: str) -> dict[str, str]:
    """Return what a row says of the policy."""
    return dict(part.split("=") for part in more.split() if "=" in part)


@dataclass
class Played:
    """One row on its way through an account of its own."""

    tenant: Tenant
    media: MediaThread
    row: Row
    call: str = "call-1"
    #: What the service said at call start; None where it was not asked, because nobody knew the direction.
    start: dict[str, Any] | None = None
    #: What a release answered.
    released: dict[str, Any] | None = None
    recording: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Place the call in time."""
        self.now = self.row[3] in {*BEFORE, *MEANWHILE}
        self.began = datetime.now(UTC) - timedelta(seconds=75)
        self.ended = self.at(70)

    @property
    def codes(self) -> list[str]:
        """Return what is against the recording, as the service names it.

        A recording that is let in shows no reasons; the gate's decision in its evidence has them, among others.
        """
        if self.released is None and self.recording["state"] != "available":
            return [one["code"] for one in self.recording["reasons"]]
        decision = self.gate() if self.released is None else self.released
        against = [one["code"] for one in decision["reasons"] if one.get("source") in AGAINST]
        return [code for code in against if code != "switch_on"]

    def at(self, second: float) -> datetime:
        """Return a second of the call."""
        return self.began + timedelta(seconds=second)

    def go(self) -> "Played":
        """Play the row to where its recording rests."""
        _, _, told, more = self.row
        self.live(more)
        self.ask()
        for word in filter(None, told.split(", ")):
            self.tell(word)
        self.announce()
        if "released" in more.split():
            self.release(more)
        return self

    def live(self, more: str) -> None:
        """Do what is done before the call and in the middle of it, each of it at the moment that it belongs to."""
        if more in {"objection", "off objection"}:
            self.object()
        if not self.now:
            return
        self.act(BEFORE.get(more, ()))
        self.began = pause()
        self.act(MEANWHILE.get(more, ()))
        self.ended = pause()

    def act(self, steps: tuple[str, ...]) -> None:
        """Do what an admin does."""
        for step in steps:
            if step in {"off", "on"}:
                self.tenant.switch(enabled=step == "on")
            elif step == "object":
                self.object()
            else:
                answer = self.tenant.http.delete(self.tenant.url(f"/objections/{CALLER}"))
                assert answer.status_code == 204

    def ask(self) -> None:
        """Ask at call start, with the places; who does not know the direction can only tell by webhook."""
        caller, callee, _, more = self.row
        numbers = [HIDDEN if place is None else number for place, number in
                   ((caller, CALLER), (callee, CALLEE))]  # fmt: skip
        if more == "unknown direction":
            told = self.tenant.hook(
                "call.started",
                call_ref=self.call,
                from_=numbers[0],
                to=numbers[1],
                started_at=moment(self.began),
            )
            assert told.json()["status"] == "noted"
            return
        said = {
            "direction": "outbound" if more == "out" else "inbound",
            "from": numbers[0],
            "to": numbers[1],
            "started_at": moment(self.began),
            "from_place": caller,
            "to_place": callee,
        }
        answer = self.tenant.http.put(self.tenant.url(f"/calls/{self.call}"), json=said)
        assert answer.status_code == 200, answer.text
        self.start = answer.json()["decision"]

    def tell(self, word: str) -> None:
        """Tell what the table's word stands for."""
        party, event, method, second, length = TOLD[word]
        said = {"party": party, "event": event, "method": method, "at": moment(self.at(second))}
        if length is not None:
            said["length"] = length
        answer = self.tenant.http.post(self.tenant.url(f"/calls/{self.call}/consent"), json=said)
        assert answer.status_code == 201, answer.text

    def announce(self) -> None:
        """Announce the recording, which goes from second 10 to second 70, and wait until it rests."""
        path = f"/{self.tenant.name}/call.wav"
        url = self.media.serve(path, silence(0.1 if self.now else 60))
        times = {"started_at": moment(self.began), "ended_at": moment(self.ended)}
        answer = self.tenant.announce(url, call=self.call, **times)
        assert answer.status_code // 100 == 2, answer.text
        self.rest(answer.json()["recording"])
        fetched = self.media.asked_for(path)
        assert fetched == (0 if answer.json()["status"] == "refused" else 1)

    def rest(self, recording: str) -> None:
        """Wait until the recording goes nowhere by itself."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.tenant.get(recording))["state"] not in RESTING:
            assert time.monotonic() < deadline, found
            time.sleep(0.03)
        self.recording = found

    def release(self, more: str) -> None:
        """Let an admin release it; what else the row says happens before, while it is in quarantine."""
        assert self.recording["state"] == "quarantined"
        if "missing" in words(more):
            policy = {"missing_evidence": words(more)["missing"]}
            assert self.tenant.http.patch(self.tenant.url("/consent-policy"), json=policy).status_code == 200
        if "objection" in more:
            self.object()
        recording = self.tenant.url(f"/recordings/{self.recording['id']}")
        answer = self.tenant.http.post(f"{recording}/release", json={"reason": "the row says so"})
        assert answer.status_code == 200, answer.text
        self.released = answer.json()
        self.rest(self.recording["id"])

    def object(self) -> None:
        """Put the caller on the list of those who must not be recorded."""
        assert self.tenant.http.put(self.tenant.url(f"/objections/{CALLER}")).status_code == 201

    def gate(self) -> dict[str, Any]:
        """Return the gate's decision, as the recording's evidence has it."""
        answer = self.tenant.http.get(self.tenant.url(f"/recordings/{self.recording['id']}/evidence"))
        assert answer.status_code == 200, answer.text
        gates = [one["said"] for one in answer.json()["chain"] if one["said"]["kind"] == "gate"]
        return dict(gates[-1]["decision"])

"""Lets parties say no at random moments of an ingest, and says whether every no was kept to.

Some calls get a no around their announcement, wherever chance puts it. Of others the media host keeps
the last byte, so that the no comes before the recording is whole, for certain, or around its description and
its gate, from the moment of that byte on; and to some it comes once they are available. The promise is then
checked from outside, and by the database's own clock, which sees what happened between the commit and
the answer.
"""

import random
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count as numbers
from statistics import median
from typing import Any

from tests.faults.switch_check import Look, audio
from tests.servers.media_thread import MediaThread
from tests.support.raw_client import Answer, Client
from tests.support.slow_media import Held
from vault.database.engines.postgresql_job import NOTHING_DONE

#: Places of which nobody need be asked about; the party outside the account is the caller.
_AT_HOME = "+12125550100"
_AT_ONCE = 6
#: Where a recording stays, unless somebody does something.
SETTLED = frozenset({"available", "quarantined", "refused", "failed", "erased"})
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call with one recording."""

    ref: str
    #: E.164.
    caller: str
    callee: str


#: Says no about a call and returns what the vault answered, which is a success.
Say = Callable[[Client, Call], Any]
#: Returns what is wrong with a recording's row: given the row, whether it was available when the no had been
#: answered, and what that answer was.
Judge = Callable[[dict[str, Any], bool, Any], str | None]


@dataclass(kw_only=True)
class Findings:
    """What a run found."""

    calls: int = 0
    #: What broke the promise; empty where it was kept.
    violations: list[str] = field(default_factory=list)
    #: What became of the recordings.
    states: Counter[str] = field(default_factory=Counter)
    #: In which state the no met them.
    met: Counter[str] = field(default_factory=Counter)

    def say(self) -> None:
        """Print it."""
        print(
            f"{self.calls} calls; met {dict(self.met)}; became {dict(self.states)}; "
            f"{len(self.violations)} violations"
        )


@dataclass(kw_only=True)
class Race:
    """Calls that come in, each with a no at a moment of its own."""

    client: Client
    look: Look
    #: Where the vault fetches audio, and where audio is held.
    urls: Sequence[str]
    media: MediaThread
    say: Say
    judge: Judge
    #: Whose number changes from call to call.
    party: str = "caller"
    #: End as soon as the promise was broken.
    until_found: bool = False
    found: Findings = field(default_factory=Findings)
    _numbers: Any = field(default_factory=numbers)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    #: Seconds from an announcement to the gate, and from the last byte to the gate, as they were seen.
    _took: list[float] = field(default_factory=lambda: [0.2])
    _took_after: list[float] = field(default_factory=lambda: [0.1])

    def run(self, calls: int) -> Findings:
        """Let so many calls come in, a few concurrently."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [pool.submit(self._one) for _ in range(calls)]:
                done.result()
        return self.found

    def _one(self) -> None:
        if self.until_found and self.found.violations:
            return
        with self._lock:
            number = next(self._numbers)
        chance = random.Random(number)  # noqa: S311 - the same again
        theirs = f"+1415555{number:04d}"
        caller, callee = (theirs, _AT_HOME) if self.party == "caller" else (_AT_HOME, theirs)
        call = Call(ref=f"call-{number}", caller=caller, callee=callee)
        url = self.urls[number % len(self.urls)]
        # Some are late and some are early for certain, so that every run has seen both sides of the gate.
        if number % 8 == 0:
            met, answer = self._once_it_is_settled(call, url, chance)
        elif number % 2:
            met, answer = self._around_its_last_byte(call, chance, early=number % 8 == 1)
        else:
            met, answer = self._at_any_moment(call, url, chance)
        available = self._row(call)["state"] == "available"
        self._judge(call, met, answer, available=available)

    def _at_any_moment(self, call: Call, url: str, chance: random.Random) -> tuple[str, Any]:
        """Announce and say no on two threads: the no a little earlier, or as late as the gate was."""
        moment = chance.uniform(-0.05, 1.2 * median(self._took))
        announcing = threading.Thread(target=lambda: self._announce(call, url, after=max(0.0, -moment)))
        announcing.start()
        time.sleep(max(0.0, moment))
        rows = self._rows(call)
        answer = self.say(self.client, call)
        announcing.join()
        return rows[0]["state"] if rows else "not announced", answer

    def _once_it_is_settled(self, call: Call, url: str, chance: random.Random) -> tuple[str, Any]:
        """Announce, wait until the recording is past its gate, and say no a moment after that."""
        self._announce(call, url)
        self._wait(call, SETTLED)
        time.sleep(chance.uniform(0, 0.08))
        met = self._row(call)["state"]
        return met, self.say(self.client, call)

    def _around_its_last_byte(self, call: Call, chance: random.Random, *, early: bool) -> tuple[str, Any]:
        """Announce, and keep the audio's last byte: say no before it, or as late after it as the gate was."""
        held = Held(audio())
        self._announce(call, self.media.on(f"/{call.ref}.wav", held))
        try:
            assert held.reached.wait(_PATIENCE), f"{call.ref} was not fetched"
            if early:
                return self._row(call)["state"], self.say(self.client, call)
        finally:
            released = time.time()
            held.release()
        time.sleep(chance.uniform(0, 0.05 + 1.2 * median(self._took_after)))
        met = self._row(call)["state"]
        answer = self.say(self.client, call)
        entered = self._wait(call, SETTLED)["available_at"]
        if entered is not None:
            self._took_after.append(max(0.0, entered / 1_000_000 - released))
        return met, answer

    def _announce(self, call: Call, url: str, *, after: float = 0.0) -> None:
        time.sleep(after)
        parties = {"direction": "inbound", "from": call.caller, "to": call.callee}
        answer = _done(lambda: self.client.announce(call.ref, url, **parties))
        assert answer.status in {200, 202}, answer.body

    def _judge(self, call: Call, met: str, answer: Any, *, available: bool) -> None:
        row = self._wait(call, SETTLED)
        wrong = [self.judge(row, available, answer)]
        if row["state"] in {"refused", "erased"}:
            wrong += [*self._remains(row)]
        with self._lock:
            self.found.calls += 1
            self.found.met[met] += 1
            restricted = " and restricted" if row["restricted"] else ""
            self.found.states[f"{row['state']}{restricted}"] += 1
            self.found.violations += [one for one in wrong if one is not None]
            if row["available_at"] is not None:
                self._took.append((row["available_at"] - row["received_at"]) / 1_000_000)

    def _remains(self, row: dict[str, Any]) -> list[str]:
        """Return what is left of a recording of which nothing may be left."""
        left = self.look(f"SELECT position FROM evidence_entries WHERE recording_id = '{row['id']}'")  # noqa: S608 - our own id
        found = [f"{row['id']} is {row['state']} and left {len(left)} entries of evidence"] if left else []
        return found + ([f"{row['id']} is {row['state']} and kept its key"] if row["wrapped_key"] else [])

    def _rows(self, call: Call) -> list[dict[str, Any]]:
        return self.look(f"SELECT * FROM recordings WHERE call_ref = '{call.ref}'")  # noqa: S608 - our own name

    def _row(self, call: Call) -> dict[str, Any]:
        (row,) = self._rows(call)
        return row

    def _wait(self, call: Call, states: frozenset[str]) -> dict[str, Any]:
        deadline = time.monotonic() + _PATIENCE
        while (row := self._row(call))["state"] not in states:
            assert time.monotonic() < deadline, f"{call.ref} is still {row['state']}"
            time.sleep(0.005)
        return row


def _done(request: Callable[[], Answer]) -> Answer:
    """Return the answer of a request that a busy database may answer with "Nothing was done: repeat it"."""
    deadline = time.monotonic() + _PATIENCE
    while (answer := request()).status == 503 and NOTHING_DONE.encode() in answer.body:
        assert time.monotonic() < deadline, answer.body
    return answer


def say_objection(client: Client, call: Call) -> str:
    """Put the number that is the call's own on the list; return the objection's id."""
    number = call.caller if call.callee == _AT_HOME else call.callee
    path = f"{client.home}/objections/{urllib.parse.quote(number, safe='')}"
    answer = _done(lambda: client.rest("PUT", path, {}))
    assert answer.status == 201, answer.body
    objection: str = answer.json["id"]
    return objection


def tell(client: Client, call_ref: str, event: str, *, method: str = "key") -> str:
    """Tell what the caller was told or answered just now; return the event's id."""
    said = {"party": "caller", "event": event, "method": method, "at": datetime.now(UTC).isoformat()}
    answer = _done(lambda: client.rest("POST", f"{client.home}/calls/{call_ref}/consent", said))
    assert answer.status == 201, answer.body
    told: str = answer.json["id"]
    return told


def say_declined(client: Client, call: Call) -> str:
    """Tell that the caller declined; return the event's id."""
    return tell(client, call.ref, "declined")


def judge_objection(look: Look) -> Judge:
    """Nothing of the number becomes available once the answer is there, or its transaction was over."""

    def judge(row: dict[str, Any], available: bool, objection: Any) -> str | None:
        if row["state"] != "available":
            return None if row["state"] == "refused" else f"{row['id']} is {row['state']}"
        (stands,) = look(f"SELECT since FROM objections WHERE id = '{objection}'")  # noqa: S608 - the vault's id
        if not available:
            return f"{row['id']} became available after its party's objection"
        if row["available_at"] >= stands["since"]:
            return f"{row['id']} entered while its party's objection stood"
        return None

    return judge


def judge_decline(policy: str) -> Judge:
    """Nothing of the call is there to be heard, whatever it was when its party declined."""
    outcome = {"restrict": "restricted", "erase": "erased"}[policy]

    def judge(row: dict[str, Any], _available: bool, _event: Any) -> str | None:
        if row["state"] in {"refused", "erased"}:
            return None
        if row["state"] == "available" and row["restricted"] and policy == "restrict":
            return None
        return f"{row['id']} is {row['state']}, and neither refused nor {outcome} after a decline"

    return judge

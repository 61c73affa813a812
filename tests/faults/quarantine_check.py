"""Concurrent acts on recordings in quarantine: releases, and a no."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.consent_check import tell
from tests.faults.evidence_check import broken_links, kinds, told
from tests.faults.switch_check import Look
from tests.support.raw_client import Answer, Client

#: What an account says that keeps recordings apart until somebody was told of them.
QUARANTINE = {"missing_evidence": "quarantine"}
#: California, where a notice is enough; the other side is New York.
PARTIES = {"direction": "inbound", "from": "+14155550123", "to": "+12125550100"}
_PATIENCE = 60.0
#: Seconds by which one of two may come first.
_HEAD_START = 0.02


@dataclass(kw_only=True)
class Outcome:
    """What became of the recordings that two were at."""

    #: What went wrong; empty where nothing did.
    wrong: list[str] = field(default_factory=list)
    #: What the two were answered, and what the recording was then.
    became: Counter[str] = field(default_factory=Counter)

    def say(self, what: str) -> None:
        """Print it."""
        print(f"{what}: {dict(self.became)}; {len(self.wrong)} wrong")


def fill_quarantine(client: Client, look: Look, url: str, calls: int) -> Sequence[tuple[str, str]]:
    """Bring in one recording for each of so many calls; return the ids of the recordings, and their calls."""
    refs = [f"kept-{number}" for number in range(calls)]
    for ref in refs:
        assert client.announce(ref, url, **PARTIES).status == 202
    deadline = time.monotonic() + _PATIENCE * 2
    query = "SELECT id, call_ref, state FROM recordings WHERE call_ref LIKE 'kept-%'"
    rows = look(query)
    while any(row["state"] != "quarantined" for row in rows):
        assert time.monotonic() < deadline, Counter(row["state"] for row in rows)
        time.sleep(0.1)
        rows = look(query)
    return [(row["id"], row["call_ref"]) for row in rows]


def release(client: Client, recording_id: str) -> Answer:
    """Release a recording."""
    return client.rest("POST", f"{client.home}/recordings/{recording_id}/release", {"reason": "a test"})


def at_once(first: Callable[[], Any], second: Callable[[], Any], chance: random.Random) -> tuple[Any, Any]:
    """Do both on two threads, either of them a moment before the other; return what they returned."""
    answers: dict[str, Any] = {}
    start = threading.Barrier(2)
    pauses = chance.sample((0.0, chance.uniform(0, _HEAD_START)), 2)

    def run(name: str, do: Callable[[], Any], pause: float) -> None:
        start.wait(10)
        time.sleep(pause)
        answers[name] = do()

    threads = [
        threading.Thread(target=run, args=("first", first, pauses[0])),
        threading.Thread(target=run, args=("second", second, pauses[1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    return answers["first"], answers["second"]


def race_release_and_decline(client: Client, look: Look, kept: Sequence[tuple[str, str]]) -> Outcome:
    """Release each recording while its party declines: it is refused, or restricted immediately."""
    outcome, chance = Outcome(), random.Random(len(kept))  # noqa: S311 - the same again
    for recording_id, ref in kept:
        answer, event = at_once(
            lambda one=recording_id: release(client, one),  # type: ignore[misc]
            lambda one=ref: tell(client, one, "declined"),  # type: ignore[misc]
            chance,
        )
        (row,) = look(f"SELECT * FROM recordings WHERE id = '{recording_id}'")  # noqa: S608 - our own id
        said = f"release {answer.status}"
        if answer.status == 200:
            said += f" {answer.json['verdict']}"
        restricted = " and restricted" if row["restricted"] else ""
        outcome.became[f"{said}, {row['state']}{restricted}"] += 1
        if row["state"] == "refused":
            entries = look(f"SELECT position FROM evidence_entries WHERE recording_id = '{recording_id}'")  # noqa: S608
            outcome.wrong += [f"{recording_id} was refused and left evidence"] if entries else []
            outcome.wrong += [f"{recording_id} was refused and kept its key"] if row["wrapped_key"] else []
        elif row["state"] == "available" and row["restricted"]:
            outcome.wrong += _evidence_wrong(client, recording_id, [event], RELEASED_THEN_DECLINED)
        else:
            outcome.wrong.append(f"{recording_id} is {row['state']}{restricted} after a decline")
    return outcome


#: The gate kept it apart, an admin let it out, and then the party declined.
RELEASED_THEN_DECLINED = ["gate", "release", "gate", "consent"]


def race_two_releases(client: Client, kept: Sequence[tuple[str, str]]) -> Outcome:
    """Release each recording twice concurrently: one does it, the other is told that it was done."""
    outcome, chance = Outcome(), random.Random(len(kept))  # noqa: S311 - the same again
    for recording_id, _ in kept:
        answers = at_once(
            lambda one=recording_id: release(client, one),  # type: ignore[misc]
            lambda one=recording_id: release(client, one),  # type: ignore[misc]
            chance,
        )
        statuses = sorted(answer.status for answer in answers)
        outcome.became[f"{statuses}, {client.recording(recording_id)['state']}"] += 1
        late = max(answers, key=lambda answer: answer.status).json
        if statuses != [200, 409] or late["reasons"] != ["not_quarantined"]:
            outcome.wrong.append(f"two releases were answered {statuses}: {late}")
        outcome.wrong += _evidence_wrong(client, recording_id, [], ["gate", "release", "gate"])
    return outcome


def evidence_of(client: Client, recording_id: str) -> Any:
    """Return the evidence of a recording as an auditor sees it."""
    answer = client.rest("GET", f"{client.home}/recordings/{recording_id}/evidence")
    assert answer.status == 200, answer.body
    return answer.json


def _evidence_wrong(client: Client, recording_id: str, events: list[str], wanted: list[str]) -> list[str]:
    """Return what is wrong with the evidence of a recording."""
    evidence = evidence_of(client, recording_id)
    wrong = broken_links(evidence)
    if kinds(evidence) != wanted:
        wrong.append(f"{recording_id} has {kinds(evidence)} in its chain")
    if told(evidence) != Counter(events):
        wrong.append(f"{recording_id} has {told(evidence)} in its evidence, and not {events}")
    return wrong


def race_telling_and_gate(client: Client, look: Look, url: str, calls: int) -> Outcome:
    """Tell of a notice, twice, while a recording comes in: it ends up available, and its evidence has both."""
    outcome = Outcome()
    for number in range(calls):
        chance, ref = random.Random(number), f"told-{number}"  # noqa: S311 - the same again
        assert client.announce(ref, url, **PARTIES).status == 202
        if number % 2:
            _wait(look, ref, {"stored", "quarantined"})
            time.sleep(chance.uniform(0, 0.08))
        else:
            time.sleep(chance.uniform(0, 0.5))
        met = _wait(look, ref)["state"]
        # A second notice after the first, and the end of the call: each must be there once.
        both = at_once(
            lambda one=ref: tell(client, one, "announced", method="announcement"),  # type: ignore[misc]
            lambda one=ref: tell(client, one, "announced", method="announcement"),  # type: ignore[misc]
            chance,
        )
        row = _wait(look, ref, {"available", "refused", "failed"})
        evidence = evidence_of(client, row["id"])
        where = Counter(kinds(evidence))["consent"]
        outcome.became[f"told while {met}: {row['state']}, {where} of 2 chained"] += 1
        outcome.wrong += broken_links(evidence)
        if row["state"] != "available" or told(evidence) != Counter(both):
            outcome.wrong.append(f"{ref} is {row['state']}, with {told(evidence)} and not {both}")
    return outcome


def _wait(look: Look, ref: str, states: set[str] | None = None) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        (row,) = look(f"SELECT * FROM recordings WHERE call_ref = '{ref}'")  # noqa: S608 - our own name
        if states is None or row["state"] in states:
            return row
        assert time.monotonic() < deadline, f"{ref} is still {row['state']}: {row['reasons']}"
        time.sleep(0.005)

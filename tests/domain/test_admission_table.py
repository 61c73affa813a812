"""The table of admission, row by row, against the packaged rule book."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.admission_table import ROWS, TOLD
from tests.support.packaged_rules import packaged
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.admission.decision import AdmissionInput, Place, decide
from vault.domain.consent.call_window import CallSpan
from vault.domain.consent.consent_event import ConsentEvent, ConsentPolicy, Objection
from vault.domain.legal_rules.rule import strictest

BOOK = packaged()
T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
OUTSIDE = {"out": frozenset({"callee"}), "unknown direction": frozenset({"caller", "callee"})}


def at(second: float) -> datetime:
    """Return a second of the call."""
    return T0 + timedelta(seconds=second)


def told(words: str) -> tuple[ConsentEvent, ...]:
    """Return the events of a row, in their order."""
    events = []
    for number, word in enumerate(filter(None, words.split(", "))):
        party, answer, method, second, length = TOLD[word]
        events.append(
            ConsentEvent(
                id=f"told_{number}",
                party=party,
                answer=answer,
                method=method,
                at=at(second),
                heard_at=at(80 + number),
                length=None if length is None else timedelta(seconds=length),
                told_by="key_1",
            )
        )
    return tuple(events)


def switches(more: str) -> list[tuple[float, bool]]:
    """Return the changes of the switch, by second of the call."""
    if "off and on" in more:
        return [(20, False), (30, True)]
    if "off before" in more:
        return [(-60, False), (-30, True)]
    return [(20, False)] if "off" in more.split() else []


def objections(more: str) -> tuple[Objection, ...]:
    """Return the objections of a row."""
    if "objection" not in more:
        return ()
    until = at(30) if "ended mid-call" in more else at(-30) if "ended before" in more else None
    return (Objection(since=at(-600), until=until, reason=None, by="key_1"),)


def case_of(caller: str | None, callee: str | None, words: str, more: str) -> AdmissionInput:
    """Return the case of a row."""
    setting = dict(part.split("=") for part in more.split() if "=" in part)
    policy = {"missing_evidence": setting.get("missing", "quarantine"), "mode": setting.get("mode", "none")}
    history, epoch = [SwitchChange(enabled=True, epoch=0, at=at(-9999), by="vault", reason=None)], 0
    for second, enabled in switches(more):
        epoch += not enabled
        history.append(SwitchChange(enabled=enabled, epoch=epoch, at=at(second), by="key_1", reason=None))
    at_receipt = 1 if "off before" in more else 0
    start, undecoded = "start" in more.split(), "undecoded" in more
    places = [("caller", caller), ("callee", callee)]
    return AdmissionInput(
        switch=Switch(
            enabled=history[-1].enabled, epoch=epoch, changed_at=history[-1].at, changed_by="key_1"
        ),
        history=history,
        span=CallSpan(
            started_at=at(0),
            ended_at=None if start else at(70),
            received_at=at(0) if start else at(75),
            duration=None if start or undecoded or "undecodable" in more else timedelta(seconds=60),
            described=not (start or undecoded),
        ),
        epoch_at_receipt=None if start else at_receipt,
        places=tuple(
            Place(party=party, place=place, known_by="said" if place else "nothing")
            for party, place in places
        ),
        demand=strictest([BOOK.of(place) for place in dict.fromkeys([caller, callee])]),
        policy=ConsentPolicy(reason="a reason", **policy),
        outside=OUTSIDE.get(more, frozenset({"caller"})),
        events=told(words),
        objections=objections(more),
        released="released" in more,
        rule_book=BOOK.version,
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " · ".join(str(part) for part in row[:4]))
def test_the_table_of_admission(row):
    """The verdict of a row is the table's, and everything that is against it is named, and nothing else."""
    *case, verdict, against = row
    decision = decide(case_of(*case))
    assert (decision.verdict, [reason.code for reason in decision.grounds]) == (verdict, against)
    assert decision.record is (verdict != "refuse")
    # Every answer says why, the recording that is let in included.
    assert decision.reasons


def test_the_table_is_as_long_as_it_must_be():
    """At least 120 different cases, and no case twice."""
    assert len({row[:4] for row in ROWS}) == len(ROWS) >= 120


def test_the_order_of_answers_does_not_matter_for_the_verdict():
    """A no stays a no, before or after a yes."""
    for one, other in (("yes, no", "no, yes"), ("notice before, no mid-call", "no mid-call, notice before")):
        verdicts = {decide(case_of("DE", "DE", words, "")).verdict for words in (one, other)}
        assert verdicts == {"refuse"}


@pytest.mark.parametrize(
    ("places", "mode", "position"),
    [
        (("US-NY", "US-NY"), "none", "any"),
        (("US-CA", "US-NY"), "announce", "any"),
        (("US-WA", "US-NY"), "announce", "inside"),
        (("FR", "FR"), "opt_out_key", "before"),
        (("DE", "US-NY"), "opt_in_key", "before"),
        (("DE", "US-WA"), "opt_in_key", "before_and_inside"),
        ((None, "US-NY"), "opt_out_key", "before_and_inside"),
    ],
)
def test_call_start_says_how_to_ask_and_where_the_notice_must_lie(places, mode, position):
    """Mode and position follow from the strictest rule, and are the same at the gate."""
    start, gate = decide(case_of(*places, "", "start")), decide(case_of(*places, "", ""))
    assert (start.mode, start.position) == (mode, position) == (gate.mode, gate.position)


def test_the_explicit_offset_counts_before_the_clock():
    """Where the platform says where the prompt lies, its clock is not asked."""
    case = case_of("US-WA", "US-WA", "notice before", "")
    (event,) = case.events
    for offset, verdict in ((0, "allow"), (54, "allow"), (56, "quarantine"), (-3, "quarantine")):
        moved = ConsentEvent(
            **{n: getattr(event, n) for n in event.__slots__} | {"offset": timedelta(seconds=offset)}
        )
        changed = AdmissionInput(
            **{n: getattr(case, n) for n in AdmissionInput.__slots__} | {"events": (moved,)}
        )
        assert decide(changed).verdict == verdict, offset

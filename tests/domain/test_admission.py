"""May this recording enter? A table of what is known, and what follows from it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.admission.decision import AdmissionInput, decide
from vault.domain.consent.call_window import CallSpan, first_moment_off
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.legal_rules.rule import Rule, strictest

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    """Return a moment of the table's hour."""
    return T0 + timedelta(minutes=minute)


def history(*changes: tuple[float, bool]) -> list[SwitchChange]:
    """Return a history; the account is opened, switched on, at minute 0."""
    epoch, entries = 0, []
    for minute, enabled in ((0, True), *changes):
        epoch += not enabled
        entries.append(SwitchChange(enabled=enabled, epoch=epoch, at=at(minute), by="key_1", reason=None))
    return entries


def span(start: float | None, end: float | None, received: float, duration: float | None = None) -> CallSpan:
    """Return a span in minutes."""
    return CallSpan(
        started_at=None if start is None else at(start),
        ended_at=None if end is None else at(end),
        received_at=at(received),
        duration=None if duration is None else timedelta(minutes=duration),
    )


OFF_10_20 = ((10, False), (20, True))
TABLE = [
    # Changes of the switch; the call; the epoch at receipt; the codes that say no; the moment.
    ((), span(1, 2, 3), 0, [], None),
    (((10, False),), span(11, 12, 13), 1, ["switch_off", "switched_off_during_call"], 11),
    # At call start there is no epoch of a receipt, and the present switch says all there is to say.
    (((10, False),), span(11, None, 11), None, ["switch_off"], 11),
    (OFF_10_20, span(15, None, 21), None, [], 15),
    (((10, False),), span(1, 2, 3), 0, ["switch_off", "switched_off_since_receipt"], None),
    # Off and on again while in flight: the epoch alone tells.
    (OFF_10_20, span(1, 2, 3), 0, ["switched_off_since_receipt"], None),
    (OFF_10_20, span(1, 2, 30), 1, [], None),
    (OFF_10_20, span(21, 22, 30), 1, [], None),
    # Overlap, at both edges and around the whole.
    (OFF_10_20, span(5, 11, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(19, 25, 30), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(5, 25, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(12, 13, 30), 1, ["switched_off_during_call"], 12),
    (OFF_10_20, span(5, 10, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(20, 25, 30), 1, [], None),
    # An unknown end is the receipt; an unknown start is the end minus the decoded duration.
    (OFF_10_20, span(5, None, 15), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(None, None, 25, 4), 1, [], None),
    (OFF_10_20, span(None, None, 25, 6), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(None, 22, 30, 3), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(None, 22, 30), 1, [], None),
    # A platform that swaps start and end does not hide the overlap.
    (OFF_10_20, span(25, 5, 30), 1, ["switched_off_during_call"], 10),
    # Before the account was opened counts as on.
    ((), span(-60, -50, 3), 0, [], None),
    # Several periods: the first moment is named.
    ((*OFF_10_20, (30, False), (40, True)), span(25, 35, 50), 2, ["switched_off_during_call"], 30),
    ((*OFF_10_20, (30, False), (40, True)), span(5, 35, 50), 2, ["switched_off_during_call"], 10),
]


@pytest.mark.parametrize(("changes", "call", "epoch", "codes", "moment"), TABLE)
def test_the_table_of_switches(changes, call, epoch, codes, moment):
    """Every rule that says no is named, and the first moment off is the one in the table."""
    entries = history(*changes)
    last = entries[-1]
    case = AdmissionInput(
        switch=Switch(enabled=last.enabled, epoch=last.epoch, changed_at=last.at, changed_by=last.by),
        history=entries,
        span=call,
        epoch_at_receipt=epoch,
        places=(),
        demand=strictest([Rule(place="XX", name="Nowhere", consent="one")]),
        policy=ConsentPolicy(),
        outside=frozenset({"caller"}),
        rule_book="test",
    )
    decision = decide(case)
    assert decision.record is (not codes)
    assert [reason.code for reason in decision.grounds] == codes
    assert decision.epoch == last.epoch
    assert first_moment_off(entries, call) == (None if moment is None else at(moment))


minutes = st.integers(0, 60)


@given(st.lists(minutes, min_size=1, max_size=8, unique=True), minutes, minutes)
def test_the_first_moment_off_is_what_a_walk_by_minutes_finds(changes, one, other):
    """For whole minutes the answer is the first half minute of the call at which the switch was off."""
    changes = sorted(changes)
    entries = history(*((minute, number % 2 == 1) for number, minute in enumerate(changes)))
    start, end = sorted((one, other))

    def off(moment: float) -> bool:
        return sum(change <= moment for change in changes) % 2 == 1

    walk = [half / 2 for half in range(2 * start, 2 * end + 1) if off(half / 2)]
    expected = at(walk[0]) if walk else None
    assert first_moment_off(entries, span(start, end, 61)) == expected

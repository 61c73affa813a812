"""Joining what was reported about a call in pieces."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.domain.calls.call import CallFacts, fold

words = st.none() | st.text(max_size=3)
times = st.none() | st.datetimes(timezones=st.just(UTC))
pieces = st.builds(
    CallFacts,
    call_ref=st.just("call-1"),
    direction=st.sampled_from([None, "inbound", "outbound"]),
    caller=words,
    callee=words,
    started_at=times,
    ended_at=times,
    agent=words,
)


@given(st.lists(pieces, min_size=1, max_size=6))
def test_the_last_value_said_wins_and_nothing_never_overwrites(said: list[CallFacts]):
    """Each field of the join is the last that is not None, and None only if nobody said anything."""
    joined = fold(said)
    for one in fields(CallFacts):
        values = [value for piece in said if (value := getattr(piece, one.name)) is not None]
        found = getattr(joined, one.name)
        if one.name in {"caller", "callee"}:
            # Of a leg that was dialled, only where no number was known before.
            assert found in ([] if values else [None]) + values
        else:
            assert found == (values[-1] if values else None)


def test_a_leg_does_not_hide_the_numbers_of_its_call():
    """A call to the service line, which dialled an agent at home: it is shown as a call to the line."""
    call = CallFacts(call_ref="call-1", direction="inbound", caller="+12025550100", callee="+12025550199")
    leg = CallFacts(call_ref="call-1", callee="+14155550187", agent="alice")
    for pieces in ([call, leg], [leg, call]):
        assert fold(pieces) == replace(call, agent="alice")
    assert fold([replace(call, callee=None), leg]).callee == leg.callee


@given(st.lists(pieces, min_size=1, max_size=6), st.integers(0, 6))
def test_joining_in_two_steps_is_joining_at_once(said: list[CallFacts], cut: int):
    """What was joined before can be joined with what comes later, and repeating the end changes nothing."""
    cut = min(cut, len(said) - 1)
    head = [fold(said[:cut])] if cut else []
    assert fold([*head, *said[cut:]]) == fold(said)
    assert fold([*said, said[-1]]) == fold(said)


def test_pieces_of_different_calls_are_not_joined():
    """Neither nothing nor a stranger's piece can be joined."""
    one = CallFacts(call_ref="a", started_at=datetime(2026, 11, 2, tzinfo=UTC))
    with pytest.raises(ValueError, match="different calls"):
        fold([one, replace(one, call_ref="b")])
    with pytest.raises(ValueError, match="no parts to merge"):
        fold([])

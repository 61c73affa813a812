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
        assert getattr(joined, one.name) == (values[-1] if values else None)


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

"""The states of a recording, and how long to wait between attempts."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from vault.domain.recordings.fetch_attempts import BACKOFF, MAX_FETCHES
from vault.domain.recordings.recording import IN_FLIGHT, LEASE, RENEWAL, State
from vault.domain.recordings.transitions import ARROWS


def reachable(start: State) -> set[State]:
    """Return every state to which some way leads."""
    found, ahead = {start}, [start]
    while ahead:
        for state in ARROWS[ahead.pop()] - found:
            found.add(state)
            ahead.append(state)
    return found


def test_every_state_has_its_arrows_and_is_reachable():
    """From received every state can be reached, and each is in the table."""
    assert set(ARROWS) == set(State)
    assert reachable(State.RECEIVED) == set(State)


def test_final_states_only_lead_to_erasing():
    """What is available or refused stays so until it is erased, and erased is the end.

    Where spans of its audio are removed, what is available stays available.
    """
    for state in (State.AVAILABLE, State.REFUSED):
        assert ARROWS[state] - {State.AVAILABLE} == {State.ERASING}
        assert reachable(state) == {state, State.ERASING, State.ERASED}
    assert ARROWS[State.ERASING] == {State.ERASED}
    assert ARROWS[State.ERASED] == frozenset()


def test_what_failed_is_sent_again_or_erased():
    """An upload that failed begins again; nothing leads from there to available but the whole way."""
    assert ARROWS[State.FAILED] == {State.RECEIVED, State.ERASING}


def test_the_switch_can_refuse_exactly_what_is_in_flight():
    """A state counts as in flight if and only if an arrow leads from it to refused."""
    assert {state for state in State if State.REFUSED in ARROWS[state]} == set(IN_FLIGHT)


def test_everything_but_the_erased_can_be_erased():
    """Erasing is possible from any state that is not erasing or erased already."""
    assert {s for s in State if State.ERASING in ARROWS[s]} == set(State) - {State.ERASING, State.ERASED}


def test_only_the_gate_makes_available():
    """Nothing becomes available but what was stored, or released from quarantine."""
    others = {s for s in State if State.AVAILABLE in ARROWS[s]} - {State.AVAILABLE}
    assert others == {State.STORED, State.QUARANTINED}


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_two_hours(attempt: int, jitter: float):
    """A pause lies between half and all of 2 s doubled at each attempt, and never above two hours."""
    full = min(7200.0, 2.0 * 2 ** min(attempt - 1, 30))
    pause = BACKOFF.after(attempt, jitter=jitter).total_seconds()
    assert full / 2 <= pause + 1e-6
    assert pause <= full


def test_the_last_attempt_comes_after_about_a_day():
    """The pauses between all attempts add up to between half a day and a day and a half."""
    for jitter in (0.0, 0.999999):
        total = sum((BACKOFF.after(n, jitter=jitter) for n in range(1, MAX_FETCHES)), timedelta(0))
        assert timedelta(hours=12) <= total <= timedelta(hours=36)
    assert RENEWAL * 2 < LEASE

"""Whose voice is on a channel: a side of a call has one person's alone only if no report names another one on it."""

import pytest

from vault.domain.calls.call import Direction
from vault.domain.consent.call_claims import CallClaims
from vault.domain.requests.own_side import own_numbers, side_of

PERSON, MOBILE, OTHER, LINE = "+33612345678", "+33655555555", "+442079460123", "+33123456789"
INBOUND: frozenset[Direction] = frozenset({"inbound"})


def claims(
    callers: tuple[str, ...],
    callees: tuple[str, ...],
    agents: tuple[str, ...] = (),
    directions: frozenset[Direction] = INBOUND,
) -> CallClaims:
    """Return what was reported of a call, with numbers in E.164."""
    return CallClaims(
        callers=frozenset(callers),
        callees=frozenset(callees),
        agents=frozenset(agents),
        directions=directions,
    )


@pytest.mark.parametrize(
    ("reported", "side"),
    [
        (claims((PERSON,), (OTHER,)), "caller"),
        (claims((OTHER,), (PERSON,)), "callee"),
        (claims((PERSON, MOBILE), (OTHER,)), "caller"),
        # The other side may have several people.
        (claims((PERSON,), (OTHER, LINE), ("alice", "bob")), "caller"),
        (claims((OTHER,), (PERSON, LINE)), None),
        (claims((OTHER,), (PERSON, "sip:bob@pbx.example")), None),
        (claims((OTHER, PERSON), (PERSON,)), None),
        (claims((OTHER,), (LINE,)), None),
        # A withheld number names nobody else.
        (claims((PERSON, "anonymous"), (OTHER,)), "caller"),
        (claims((PERSON, "sip:Anonymous@anonymous.invalid"), (OTHER,)), "caller"),
        (claims((PERSON, "sip:anonymous@pbx.example"), (OTHER,)), None),
        # An agent answered at the person's number.
        (claims((OTHER,), (PERSON,), ("alice",)), None),
        (claims((PERSON,), (OTHER,), ("alice",), frozenset()), None),
        (claims((PERSON,), (OTHER,), ("alice",), frozenset({"inbound", "outbound"})), None),
    ],
)
def test_a_number_is_alone_on_its_side(reported: CallClaims, side: str | None):
    """A person with two numbers."""
    assert side_of(reported, (PERSON, MOBILE), ()) == side


@pytest.mark.parametrize(
    ("reported", "side"),
    [
        (claims((OTHER,), (LINE,), ("alice",)), "callee"),
        (claims((LINE,), (OTHER,), ("alice",), frozenset({"outbound"})), "caller"),
        (claims((OTHER,), (), ("alice",)), "callee"),
        (claims((OTHER,), (PERSON,), ("alice",)), "callee"),
        (claims((OTHER,), (LINE,), ("alice", "bob")), None),
        (claims((OTHER,), (LINE, MOBILE), ("alice",)), None),
        (claims((OTHER,), (LINE, PERSON), ("alice",)), None),
        (claims((PERSON,), (LINE,), ("alice",)), None),
        (claims((OTHER,), (LINE,), ("alice",), frozenset()), None),
        (claims((OTHER,), (LINE,), ("alice",), frozenset({"inbound", "outbound"})), None),
    ],
)
def test_an_agent_is_alone_at_one_line(reported: CallClaims, side: str | None):
    """The number of the line is the company's, so it is not among the agent's own."""
    assert side_of(reported, (PERSON,), ("alice",)) == side


def test_own_numbers_are_those_that_the_person_named():
    """On either side, and in the order in which they were named."""
    assert own_numbers(claims((PERSON, MOBILE), (OTHER, LINE)), (MOBILE, PERSON)) == {"caller": MOBILE}
    assert own_numbers(claims((OTHER,), (PERSON,)), (PERSON,)) == {"callee": PERSON}
    assert own_numbers(claims((OTHER,), (LINE,)), (PERSON,)) == {}

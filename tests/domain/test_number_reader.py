"""The reader of numbers finds a number in every spelling, and no other one in the spellings of others.

Joining what was reported about a call in pieces.
"""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.spellings import EVERY, NUMBER, OTHERS, UNREADABLE
from vault.domain.calls.call import CallFacts, fold
from vault.domain.calls.number_reader import MAX_TEXT, keys_of, read_numbers, shorten

#: What the numbering plan of its country says of NUMBER.
SPELLINGS = ("33612345678", "0033612345678", "06 12 34 56 78", "0612345678", "612345678")
KEYS = keys_of(NUMBER, SPELLINGS)
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


def test_a_number_has_a_key_with_its_country_and_one_without() -> None:
    """Not one for each spelling: what is written is brought to these."""
    assert {NUMBER, "612345678"} == KEYS
    # Hungary dials 06 in front of a number, Italy's numbers begin with a zero themselves.
    assert keys_of("+3612345678", ["3612345678", "0612345678", "12345678"]) == {
        "+3612345678", "612345678", "12345678"
    }  # fmt: skip
    assert keys_of("+390612345678", ["390612345678", "06 1234 5678", "0612345678"]) == {
        "+390612345678", "+39612345678", "612345678"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reported", "number"),
    [
        ("+5215512345678", "+525512345678"),
        ("0052 1 55 1234 5678", "+525512345678"),
        ("+5491112345678", "+541112345678"),
        ("+541112345678", "+5491112345678"),
        ("+39612345678", "+390612345678"),
    ],
)
def test_the_long_and_the_short_form_of_a_number_are_one(reported: str, number: str) -> None:
    """A mobile of Mexico with the 1 that was dialled until 2020, one of Argentina with a 9 or without."""
    assert read_numbers(reported).keys & keys_of(number, [])


def test_a_text_that_was_shortened_is_unreadable() -> None:
    """A number may have stood where the text was cut. Wrong: to believe what is left of it."""
    name = "Dr. Marie-Antoinette de la Rochefoucauld-Montmorency, Cabinet des Tilleuls, " * 3
    assert not read_numbers(f"{name[:160]}<sip:+33612345678@gw>").is_unreadable
    for written in (f"{name}<sip:+33612345678@gw>{name}", f"{name}<sip:+33612345678@gw>"):
        kept = shorten(written)
        assert len(kept) == MAX_TEXT
        assert read_numbers(kept).is_unreadable
    # The end has the address.
    assert "+33612345678" in read_numbers(shorten(f"{name}<sip:+33612345678@gw>")).keys
    # Earlier releases cut at the end, and left no sign.
    assert read_numbers(name[:MAX_TEXT]).is_unreadable


@pytest.mark.parametrize("written", EVERY)
def test_a_number_is_found_however_it_is_written(written: str) -> None:
    """Among names, brackets, prefixes, extensions and other numbers, in any script."""
    found = read_numbers(written)
    assert found.keys & KEYS
    assert not found.is_unreadable


@pytest.mark.parametrize("written", OTHERS)
def test_the_number_of_somebody_else_is_another(written: str) -> None:
    """What names its country means nobody in another one."""
    found = read_numbers(written)
    assert not found.keys & KEYS
    assert not found.is_unreadable


@pytest.mark.parametrize("written", UNREADABLE)
def test_digits_that_nothing_can_read_are_noticed(written: str) -> None:
    """They are no number of anybody, and perhaps of everybody."""
    assert read_numbers(written).is_unreadable


PIECES = [
    "+",
    "0",
    "00",
    "33",
    "612345678",
    " ",
    "(",
    "x",
    "/",
    "Bob",
    "\u200b",
    "\uff0b",
    "\u0666",
    "%2B",
    "@",
    "%25",
]


@given(st.one_of(st.text(max_size=400), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)))
def test_any_text_has_few_keys_or_is_unreadable(written: str) -> None:
    """Whatever is written: bounded keys, in one of two forms."""
    found = read_numbers(written)
    assert len(found.keys) <= 96
    for key in found.keys:
        digits = key.removeprefix("+")
        assert digits.isascii()
        assert digits.isdecimal()
        assert 5 <= len(digits) <= 15
        assert not digits.startswith("0")


WORDS = st.text(
    st.characters(categories=["L", "Zs", "Po", "Ps", "Pe", "Cf"], exclude_characters="%@"), max_size=20
)


@given(WORDS, WORDS)
def test_words_around_a_number_do_not_hide_it(before: str, after: str) -> None:
    """With a plus it is found between any words."""
    assert NUMBER in read_numbers(f"{before}{NUMBER}{after}").keys


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

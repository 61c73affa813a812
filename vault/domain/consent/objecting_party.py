"""Which party of a call pressed the key that objects, and as which number it was reported.

Of the two numbers of a call one is the account's own, which must not get an objection. A direction tells which: that of
the report whose numbers are those of the key press. Other legs of the call have other numbers, and may have another
direction: the leg to an agent is outbound in a call that came in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vault.domain.calls.call import CallFacts, Direction
from vault.domain.consent.call_claims import outside_parties
from vault.domain.consent.consent_event import ConsentEvent, Party

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objector:
    """The party outside the account, and what the platform reported it as; None without a number."""

    party: Party
    number: str | None


def objector(statements: Sequence[CallFacts], pressed: CallFacts | None = None) -> Objector | None:
    """Return who objects; None while no report tells it, or reports contradict each other.

    ``statements`` are all reports of the call. ``pressed`` is the request with the key press; without it, the requests
    of before are those reports with both numbers that tell no direction.
    """
    if pressed is not None:
        presses = [pressed]
    else:
        presses = [one for one in statements if one.direction is None and one.caller and one.callee]
    sides = {(direction, number) for one in presses for direction, number in _told(one, statements)}
    if len(sides) != 1:
        return None
    ((direction, number),) = sides
    (party,) = outside_parties(direction)
    return Objector(party=party, number=number)


def objector_of(events: Sequence[ConsentEvent], statements: Sequence[CallFacts]) -> Objector | None:
    """Return who objects by the key presses among ``events``; None while no report tells it, or without one.

    Of events of one party it was known whose key press it was, and the reports need to agree on its number only.
    """
    parties = _objecting(events)
    if len(parties) != 1:
        return objector(statements) if parties else None
    (party,) = parties
    own = [one for one in statements if one.direction and outside_parties(one.direction) == {party}]
    numbers = {_plain(number): number for one in own if (number := _number_of(party, one))}
    return Objector(party=party, number=next(iter(numbers.values()))) if len(numbers) == 1 else None


def objection_waits(events: Sequence[ConsentEvent], statements: Sequence[CallFacts]) -> bool:
    """Return whether a key press objects, and it is not known whose: then its events are of both parties."""
    return len(_objecting(events)) > 1 and objector(statements) is None


def press_of(said: CallFacts, statements: Sequence[CallFacts]) -> CallFacts:
    """Return the request with a key press, with the numbers of the request before it where it has none."""
    earlier = sorted(statements, key=lambda one: one.direction is not None)
    caller = said.caller or next((one.caller for one in earlier if one.caller), None)
    callee = said.callee or next((one.callee for one in earlier if one.callee), None)
    return replace(said, caller=caller, callee=callee)


def _told(press: CallFacts, statements: Sequence[CallFacts]) -> set[tuple[Direction, str | None]]:
    """Return each direction reported for a key press, with the number of the party outside."""
    if press.direction is not None:
        directions = {press.direction}
    else:
        same = [one for one in statements if one.direction is not None and _fits(one, press)]
        named = [one for one in same if one.caller and one.callee]
        directions = {one.direction for one in named or same if one.direction is not None}
    return {(one, _number_of(party, press)) for one in directions for party in outside_parties(one)}


def _objecting(events: Sequence[ConsentEvent]) -> set[Party]:
    return {event.party for event in events if event.objects}


def _number_of(party: Party, statement: CallFacts) -> str | None:
    return statement.caller if party == "caller" else statement.callee


def _fits(statement: CallFacts, press: CallFacts) -> bool:
    """Return whether a report names no other number than the key press."""
    pairs = [(statement.caller, press.caller), (statement.callee, press.callee)]
    return all(said is None or (own is not None and _plain(said) == _plain(own)) for said, own in pairs)


def _plain(number: str) -> str:
    """Return the digits of a number, which platforms write with and without a plus; without any, the text."""
    return "".join(_DIGITS.findall(number)) or number.casefold()

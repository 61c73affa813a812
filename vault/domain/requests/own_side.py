"""Tell on which side of a call, and on which channel of its recording, a person was alone."""

import re
from collections.abc import Collection, Mapping
from typing import Final, Literal, get_args

from vault.domain.calls.call import Direction, Voice
from vault.domain.consent.call_claims import CallClaims
from vault.domain.recordings.recording import Recording

#: A side of a call, which a channel can have alone.
Side = Literal["caller", "callee"]
_SIDES: Final[tuple[Side, ...]] = get_args(Side)
#: What platforms report of a party who withholds the number; the address is that of RFC 3323, section 4.1.1.3.
_WITHHELD: Final = re.compile(
    r"(?:sips?:)?(?:anonymous|private|restricted|unavailable|unknown|withheld)(?:@anonymous\.invalid)?",
    re.IGNORECASE,
)


def side_of(claims: CallClaims, numbers: Collection[str], agents: Collection[str]) -> Side | None:
    """Return the side of the call on which the person was alone; None unless it is certainly one of them.

    ``claims`` with numbers in E.164. They have every report of the call: after a transfer, its side has the numbers or
    the agents of several people, whose voices are on one channel.
    """
    named, worked = own_numbers(claims, numbers), set[Side]()
    if claims.agents & set(agents):
        worked = {_agent_side(direction) for direction in claims.directions}
    if len({*named, *worked}) != 1:
        return None
    (side,) = {*named, *worked}
    reported = {number for number in claims.numbers_of(side) if _WITHHELD.fullmatch(number) is None}
    # The number of an agent's side is that of the company's line, as long as there is one.
    is_alone = reported <= set(numbers) or (side in worked and len(reported) == 1)
    return side if is_alone and not _has_other_agent(claims, side, agents) else None


def own_numbers(claims: CallClaims, numbers: Collection[str]) -> Mapping[Side, str]:
    """Return the number of the person for each side of the call that has one. ``claims`` with numbers in E.164."""
    by_side: dict[Side, str] = {}
    for side in _SIDES:
        own = [number for number in numbers if number in claims.numbers_of(side)]
        if own:
            by_side[side] = own[0]
    return by_side


def _has_other_agent(claims: CallClaims, side: Side, agents: Collection[str]) -> bool:
    """Return whether somebody else worked on this side; an agent of a call without a direction can be on either."""
    sides = {_agent_side(direction) for direction in claims.directions} or set(_SIDES)
    return side in sides and not claims.agents <= set(agents)


def _agent_side(direction: Direction) -> Side:
    return "callee" if direction == "inbound" else "caller"


def channel_of(recording: Recording, side: Voice | None) -> int | None:
    """Return the channel that has this side's voice alone; None where only a person can tell."""
    voices = recording.voices
    if side is None or recording.damaged or recording.channels is None or recording.channels < 2:  # noqa: PLR2004 - one voice each
        return None
    if len(voices) != recording.channels or voices.count(side) != 1:
        return None
    return voices.index(side)

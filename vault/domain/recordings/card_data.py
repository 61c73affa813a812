"""What an account wants done about card data in audio, and digits that were keyed in it: when, and never which."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args

from vault.domain.ids import new_id
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording
from vault.domain.recordings.redaction import Span

#: By strictness: look for nothing; propose what was found to people; remove card numbers, and propose the rest.
Policy = Literal["off", "propose", "redact"]
POLICIES: Final[tuple[Policy, ...]] = get_args(Policy)
#: Digits of which some pass the check digit of a card number, and other long sequences.
Kind = Literal["card_number", "digits"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
#: Why a back-fill under ``redact`` left a card number in the audio: a hold, or what a removal by a person answers.
Unremoved = Literal["held", "quarantined", "format", "too_long", "too_many_redactions", "not_proved"]
#: What finds them, for the evidence.
DETECTOR: Final = "keyed-digits/1"
#: Of one recording; more are joined.
MAX_FOUND: Final = 100
#: Why a recording waits in quarantine whose account wants card numbers removed.
CARD_LEFT: Final = Reason(
    code="card_number_left",
    text="A card number was keyed during the call, and the account's policy could not remove it: a hold covers the "
    "recording, or the result could not be proved. Refuse it, or release it and remove that range.",
    source="card-data",
)
#: Milliseconds that are removed before the first digit and after the last one.
PADDING_MS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class CardDataPolicy:
    """What an account has set."""

    keyed_digits: Policy = "off"
    #: None where it was never set.
    changed_at: datetime | None = None
    changed_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDigits:
    """A sequence of keyed digits, from the first to the last, in milliseconds from the beginning of the recording."""

    kind: Kind
    begin_ms: int
    end_ms: int

    def span(self, duration: float) -> Span:
        """Return what is removed of a recording of so many seconds: all channels, with PADDING_MS on both sides."""
        longest = int(duration * 1000)
        return Span(
            begin_ms=max(0, self.begin_ms - PADDING_MS), end_ms=min(longest, self.end_ms + PADDING_MS)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Found digits that nobody has removed or dismissed yet."""

    id: str
    account_id: str
    recording_id: str
    digits: FoundDigits
    found_at: datetime
    #: Whether a list found its recording in quarantine: nothing is removed from it before somebody releases it.
    in_quarantine: bool = False
    #: Why the policy did not remove it; None where it did not try.
    unremoved: Unremoved | None = None


def proposals_of(
    recording: Recording, found: Sequence[FoundDigits], *, at: datetime, unremoved: Unremoved | None = None
) -> list[Proposal]:
    """Return proposals for what was found in a recording; ``unremoved``: why its card numbers were not removed."""
    return [
        Proposal(
            id=new_id("prp"),
            account_id=recording.account_id,
            recording_id=recording.id,
            digits=digits,
            found_at=at,
            unremoved=unremoved if digits.kind == "card_number" else None,
        )
        for digits in found
    ]


def stricter(one: CardDataPolicy, other: CardDataPolicy) -> CardDataPolicy:
    """Return the one that looks for more; ``one`` where they are equal."""
    return max(one, other, key=lambda policy: POLICIES.index(policy.keyed_digits))


def joined(found: list[FoundDigits]) -> tuple[FoundDigits, ...]:
    """Return MAX_FOUND at most, in order: sequences that overlap are one, and the last one has what is left."""
    result: list[FoundDigits] = []
    for one in sorted(found, key=lambda digits: digits.begin_ms):
        last = result[-1] if result else None
        if last is None or (one.begin_ms > last.end_ms and len(result) < MAX_FOUND):
            result.append(one)
            continue
        kind = min(last.kind, one.kind, key=KINDS.index)
        result[-1] = replace(last, kind=kind, end_ms=max(last.end_ms, one.end_ms))
    return tuple(result)

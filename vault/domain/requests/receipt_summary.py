"""What a receipt says, counted for the person: a receipt of 10,000 recordings names each of them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.domain.requests.decision import Code, read_code
from vault.domain.requests.request import RequestState
from vault.rfc3339 import parse_rfc3339


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """How many recordings, or calls without one, had one outcome."""

    code: Code
    #: The provision that it rests on, of the regime or as the decision named it; None where none is needed.
    ground: str | None
    #: Until when it is kept.
    until: datetime | None
    recordings: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """What became of what was handed over to one system."""

    system: str
    #: As ``HandoverOutcome.outcome``.
    outcome: str
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSummary:
    """A receipt in numbers."""

    kind: str
    outcome: RequestState
    received_at: datetime
    answered_at: datetime
    outcomes: Sequence[OutcomeCount]
    #: Copies at the telephone platform that were deleted, and those that it does not let anybody delete.
    copies_deleted: int
    copies_left: int
    handed_over: Sequence[HandedOver]
    #: Until when the last of the locked objects stays.
    locked_until: datetime | None
    #: Names of recipients that were told, with the time.
    informed: Sequence[tuple[str, datetime]]
    #: Codes, as ``receipt.STAYS`` has them.
    stays: Sequence[str]


def summarise(text: bytes) -> ReceiptSummary:
    """Return the summary of a statement, which is canonical JSON of any release."""
    said = json.loads(text)
    recordings = said["recordings"]
    copies = Counter(one["provider_copy"] for one in recordings)
    handed = Counter(
        (one["system"], one["outcome"]) for each in recordings for one in each.get("handovers", ())
    )
    locks = [until for one in recordings if (until := one["object_versions"].get("locked_until")) is not None]
    return ReceiptSummary(
        kind=said["kind"],
        outcome=RequestState(said["outcome"]),
        received_at=parse_rfc3339(said["received_at"]),
        answered_at=parse_rfc3339(said["answered_at"]),
        outcomes=_outcomes(said),
        copies_deleted=copies["deleted"],
        copies_left=copies["not_deletable"],
        handed_over=[
            HandedOver(system=system, outcome=outcome, recordings=count)
            for (system, outcome), count in sorted(handed.items())
        ],
        locked_until=max(map(parse_rfc3339, locks), default=None),
        informed=[(one["name"], parse_rfc3339(one["at"])) for one in said.get("recipients_informed", ())],
        stays=list(said["stays"]),
    )


def _outcomes(said: dict[str, Any]) -> Sequence[OutcomeCount]:
    """Return the outcomes, the most frequent first. The statement of a closed account has counts alone."""
    rows = Counter(
        (one["outcome"], one["statute"] or one["ground"], one["until"]) for one in said["recordings"]
    )
    if said.get("recordings_erased"):
        rows["erased", None, None] += said["recordings_erased"]
    found = [
        OutcomeCount(
            code=read_code(code),
            ground=ground,
            until=None if until is None else parse_rfc3339(until),
            recordings=count,
        )
        for (code, ground, until), count in rows.most_common()
    ]
    calls = said.get("calls", {})
    return found + [
        OutcomeCount(code=read_code(code), ground=None, until=None, calls=count)
        for code, count in calls.items()
    ]

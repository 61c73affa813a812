"""What a log's leaves say of hand-over: what may stand in other systems, and which integrations have ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

LostHandoverType = Literal[
    "integration.removing", "integration.ended", "integration.revoked", "handover.sent", "handover.removed",
]  # fmt: skip
LOSES_HANDOVER: Final[tuple[LostHandoverType, ...]] = (
    "integration.removing", "integration.ended", "integration.revoked", "handover.sent", "handover.removed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """That something of a recording may stand in another system."""

    account_id: str
    integration_id: str
    recording_id: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class LostHandovers:
    """The final state of everything of hand-over that the leaves changed."""

    #: Integrations that have ended or are being ended, and whether what they handed over is to be removed.
    ended: dict[str, bool] = field(default_factory=dict)
    #: Those whose grants were revoked, or given up.
    revoked: set[str] = field(default_factory=set)
    #: What was handed over and not removed since, by hand-over.
    handed_over: dict[str, HandedOver] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any], at: datetime) -> None:
        """Add the next event."""
        integration_id, *more = event["result"].split("/")
        if event["type"] == "integration.revoked":
            self.revoked.add(integration_id)
        elif event["type"].startswith("integration."):
            self.ended[integration_id] = event["type"] == "integration.removing"
        elif event["type"] == "handover.removed":
            self.handed_over.pop(more[0], None)
        else:
            self.handed_over[more[0]] = HandedOver(
                account_id=event["account"],
                integration_id=integration_id,
                recording_id=event["recording"],
                at=at,
            )

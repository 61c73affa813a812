"""What should stand of a recording in a CRM, what stands there as far as the vault knows, and the next step."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from vault.domain.handover.integration import OnRestriction

Desired = Literal["present", "restricted", "absent"]
#: ``waiting``: nothing was written. ``held``: a person decides; nothing was written unless it is ``unconfirmed``.
#: ``unmatched``: nothing will be.
#: ``unknown``: a write left, and nobody knows whether it arrived. ``outdated``: something stands there, and a note
#: has changed since. ``left``: the account has ended the integration without a removal, and what stands there stays.
HandoverState = Literal[
    "waiting", "held", "unmatched", "unknown", "present", "outdated", "restricted", "absent", "left"
]
Step = Literal["none", "create", "probe", "update", "remove", "settle"]
#: Why a hand-over is held or unmatched.
Cause = Literal[
    "several_contacts", "no_contact", "refused", "no_number", "internal_number", "number_objects", "switched_off",
    "unconfirmed",
]  # fmt: skip
#: In which something may stand in the system.
THERE: Final[tuple[HandoverState, ...]] = ("unknown", "present", "outdated", "restricted")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHandover:
    """The row of a recording at an integration."""

    id: str
    account_id: str
    integration_id: str
    recording_id: str
    desired: Desired
    state: HandoverState
    cause: Cause | None = None
    #: Counts what changed what is desired: a message about an earlier one is out of date.
    version: int = 1
    #: Ids in the system, and the candidates among which a person decides, as words of the account.
    sealed: str | None = None
    created_at: datetime
    changed_at: datetime
    #: When the last write left.
    sent_at: datetime | None = None
    #: The message that works on it, and until when nobody else may.
    busy_by: str | None = None
    busy_until: datetime | None = None
    #: What the system keeps of it after its removal, as codes.
    residue: tuple[str, ...] = ()

    @property
    def message_id(self) -> str:
        """Return the id of the message in the outbox that brings about what is desired."""
        return f"{self.id}-{self.version}"


def desired_of(
    *, is_gone: bool, is_ending: bool, is_restricted: bool, on_restriction: OnRestriction
) -> Desired:
    """Return what should stand in the system."""
    if is_gone or is_ending:
        return "absent"
    if is_restricted:
        return "absent" if on_restriction == "remove" else "restricted"
    return "present"


def settled(handover: StoredHandover) -> StoredHandover:
    """Return a hand-over as it stays once its integration has ended: left, or absent where nothing was written."""
    if handover.state in {*THERE, "left"} or (handover.state, handover.cause) == ("held", "unconfirmed"):
        return replace(handover, state="left", cause=None)
    return replace(handover, desired="absent", state="absent", cause=None)


def next_step(desired: Desired, state: HandoverState, cause: Cause | None) -> Step:
    """Return what brings the system nearer to what is desired.

    ``settle`` needs no request: nothing was ever written. What is unknown is looked up before anything is written;
    so is what is held because the system refuses that, once nothing of the call should stand there.
    """
    if state == "held" and cause == "unconfirmed":
        return "none" if desired == "present" else "probe"
    if state == "unknown":
        return "probe"
    is_there = state in THERE
    if desired == "absent":
        return "remove" if is_there else "none" if state == "absent" else "settle"
    if desired == state:
        return "none"
    if is_there:
        return "update"
    return "create" if desired == "present" and state in {"waiting", "absent"} else "none"

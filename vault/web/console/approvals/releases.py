"""What follows the release of a hold: for who asks for it, and for who approves it."""

from dataclasses import dataclass

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.errors import NotFound
from vault.services.retention.hold_release import ReleaseEffect
from vault.services.retention.holds import HoldView
from vault.web.console.here import Here


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatFollows:
    """The effect of a release, with what becomes of the other recordings of the hold."""

    effect: ReleaseEffect
    #: Recordings that the hold covers and that nothing erases when it ends.
    rest: int
    #: Whether a retention policy, in force or announced, ends their time.
    has_policy: bool
    #: Whether the release waits to be approved, or to be asked for.
    is_ahead: bool


async def what_follows(here: Here, view: HoldView, effect: ReleaseEffect) -> WhatFollows:
    """Return what follows the release of a hold."""
    policy = await here.vault.retention.policy.read(here.account_id)
    return WhatFollows(
        effect=effect,
        rest=max(0, (view.bound or 0) - effect.erased - effect.still_held),
        has_policy=any(one.classes for one in (policy.current, *policy.waiting)),
        is_ahead=view.hold.released_at is None,
    )


async def what_follows_approval(here: Here, approval: Approval) -> WhatFollows | None:
    """Return what follows an approved or waiting release; None for who places no holds, and once its grace is over."""
    waits = approval.state in {ApprovalState.PENDING, ApprovalState.APPROVED}
    if not (waits or approval.state is ApprovalState.EXECUTED) or not here.allows("holds:write"):
        return None
    try:
        view = await here.vault.retention.holds.read(here.account_id, approval.subject)
    except NotFound:
        return None
    if not view.hold.holds_at(here.now) or (waits and view.hold.released_at is not None):
        return None
    effect = await here.vault.retention.hold_releases.effect(here.account_id, approval.subject)
    return await what_follows(here, view, effect)

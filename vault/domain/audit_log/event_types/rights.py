"""Events of requests of persons, of holds and retention, of registers and of approvals; none is of one recording."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, Closing, EventRules, NoSentence

RightsEvent = Literal[
    "request.received", "request.verified", "request.paused", "request.resumed", "request.extended",
    "request.decided", "request.withdrawn", "request.closed", "receipt.made", "export.made", "export.read",
    "export.deleted",
    "hold.placed", "hold.release_asked", "hold.released",
    "retention.changed", "retention.due_soon", "retention.due", "retention.paused", "retention.resumed",
    "processing_record.changed", "recipient.entered", "recipient.changed", "recipient.ended",
    "authority.received", "authority.changed", "authority.answered",
    "approval.requested", "approval.approved", "approval.vetoed", "approval.expired", "approval.executed",
    "approval.break_glass", "approval_rule.tightened", "approval_rule.loosened",
    "step_up.required", "step_up.lifted",
]  # fmt: skip

_OF_NONE: Final = NoSentence.OF_NO_RECORDING
#: The account's object has the request.
_REQUEST: Final = EventRules(
    closes=ClosesNothing("the request stays open or takes its course; only its decision closes"),
    replay="nothing",
    needs_permission=True,
    grants=None,
    sentence=_OF_NONE,
)
_MADE_OF_REQUEST: Final = EventRules(
    closes=ClosesNothing("it is made of a decision, again if need be"),
    replay="nothing",
    needs_permission=True,
    grants=None,
    sentence=_OF_NONE,
)
_REGISTER: Final = EventRules(
    closes=ClosesNothing("an entry of a register, which the account's object has"),
    replay="setting",
    needs_permission=True,
    grants=None,
    sentence=_OF_NONE,
)
_SWEEP: Final = EventRules(
    closes=ClosesNothing("the sweep computes again what is due, and erases nothing meanwhile"),
    replay="nothing",
    needs_permission=True,
    grants=None,
    sentence=_OF_NONE,
)

RIGHTS_EVENTS: Final[Mapping[RightsEvent, EventRules]] = {
    "request.received": _REQUEST,
    "request.verified": _REQUEST,
    "request.paused": _REQUEST,
    "request.resumed": _REQUEST,
    "request.extended": _REQUEST,
    "request.decided": EventRules(
        closes=Closing(content="request", until="account_object", subject="result"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "request.withdrawn": _REQUEST,
    "request.closed": _REQUEST,
    "receipt.made": _MADE_OF_REQUEST,
    "export.made": EventRules(
        closes=ClosesNothing("it opens: a package can be downloaded"),
        replay="nothing", needs_permission=True, grants="package", sentence=_OF_NONE,
    ),
    "export.read": EventRules(
        closes=ClosesNothing("it says who downloaded a package"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "export.deleted": EventRules(
        closes=ClosesNothing("the keys of a package are in its row alone, and it ends by its date"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "hold.placed": EventRules(
        closes=Closing(content="hold", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "hold.release_asked": EventRules(
        closes=ClosesNothing("the hold binds until its release"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "hold.released": EventRules(
        closes=Closing(content="hold", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "retention.changed": EventRules(
        closes=Closing(content="retention", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "retention.due_soon": EventRules(
        closes=ClosesNothing("the row has its date, and it is told again after a loss"),
        replay="nothing", needs_permission=True, grants=None,
        sentence="Its retention period ends within 30 days{why}",
    ),
    "retention.due": EventRules(
        closes=ClosesNothing("the sweep finds again what is due"),
        replay="nothing", needs_permission=True, grants=None,
        sentence="Its retention period ended, and a person must review it{why}",
    ),
    "retention.paused": _SWEEP,
    "retention.resumed": _SWEEP,
    "processing_record.changed": _REGISTER,
    "recipient.entered": _REGISTER,
    "recipient.changed": _REGISTER,
    "recipient.ended": _REGISTER,
    "authority.received": _REGISTER,
    "authority.changed": _REGISTER,
    "authority.answered": _REGISTER,
    "approval.requested": EventRules(
        closes=ClosesNothing("nothing is done before somebody approves"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "approval.approved": EventRules(
        closes=ClosesNothing("it opens; what is then done is logged by itself"),
        replay="nothing", needs_permission=True, grants="approval", sentence=_OF_NONE,
    ),
    "approval.vetoed": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "approval.expired": EventRules(
        closes=ClosesNothing("the date in its row ends it again"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    # Otherwise what was done once could be approved, and done, again.
    "approval.executed": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "approval.break_glass": EventRules(
        closes=ClosesNothing("it opens; what is then done is logged by itself"),
        replay="nothing", needs_permission=True, grants="approval", sentence=_OF_NONE,
    ),
    "approval_rule.tightened": EventRules(
        closes=Closing(content="approval_rule", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "approval_rule.loosened": EventRules(
        closes=ClosesNothing("it opens"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "step_up.required": EventRules(
        closes=Closing(content="step_up", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "step_up.lifted": EventRules(
        closes=ClosesNothing("it opens"),
        replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
}  # fmt: skip

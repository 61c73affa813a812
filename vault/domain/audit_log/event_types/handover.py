"""Events of integrations and hand-overs: the result names the integration, and after it the hand-over."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import (
    ClosesNothing,
    Closing,
    EventRules,
    NoSentence,
    Replay,
)

HandoverEvent = Literal[
    "integration.changed", "integration.removing", "integration.ended", "integration.needs_authorization",
    "integration.back_filled", "integration.revoked",
    "handover.looked_up", "handover.sent", "handover.stands", "handover.updated", "handover.removed",
    "handover.held", "handover.decided",
]  # fmt: skip


def _of_account(because: str, replay: Replay = "nothing") -> EventRules:
    return EventRules(
        closes=ClosesNothing(because),
        replay=replay,
        needs_permission=True,
        grants=None,
        sentence=NoSentence.OF_NO_RECORDING,
    )


def _of_handover(sentence: str, replay: Replay = "nothing") -> EventRules:
    return EventRules(
        closes=ClosesNothing("it says what left, or what stands elsewhere"),
        replay=replay,
        needs_permission=True,
        grants=None,
        sentence=sentence,
    )


_ENDS: Final = EventRules(
    closes=Closing(content="none", until="account_object", subject="result"),
    replay="setting_and_leaf",
    needs_permission=True,
    grants=None,
    sentence=NoSentence.OF_NO_RECORDING,
)

HANDOVER_EVENTS: Final[Mapping[HandoverEvent, EventRules]] = {
    "integration.changed": _of_account("a setting, which the account's object has", "setting"),
    # Nothing is handed over by it any more; then everything that was is removed, and it has ended.
    "integration.removing": _ENDS,
    "integration.ended": _ENDS,
    "integration.needs_authorization": _of_account("it says how a system behaves, which is found again"),
    "integration.back_filled": _of_account("what it hands over has an entry each"),
    # A database that lost it keeps the grant, and must not have it revoked again.
    "integration.revoked": _of_account(
        "it has ended before, and its grant is kept for the revocation alone", "leaf"
    ),
    "handover.looked_up": _of_handover("Number of the other party looked up in another system"),
    # A database that lost it must know that something may stand there, so that it can be removed.
    "handover.sent": _of_handover("Handed over to another system", "leaf"),
    "handover.stands": _of_handover("Record stands in the other system"),
    "handover.updated": _of_handover("Record in the other system changed"),
    "handover.removed": _of_handover("Record removed from the other system", "leaf"),
    "handover.held": _of_handover("Not handed over to the other system"),
    "handover.decided": _of_handover("Contact for the hand-over chosen"),
}

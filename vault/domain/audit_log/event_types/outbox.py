"""Events of messages that leave the vault, and of their destinations, which the result names."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, EventRules, NoSentence

OutboxEvent = Literal[
    "message.sent", "message.accepted", "message.superseded", "message.given_up",
    "destination.failing", "destination.disabled",
]  # fmt: skip


def _message(sentence: str) -> EventRules:
    return EventRules(
        closes=ClosesNothing("it says what was sent, and to whom"),
        replay="nothing",
        needs_permission=True,
        grants=None,
        sentence=sentence,
    )


_DESTINATION: Final = EventRules(
    closes=ClosesNothing("a destination that is set again has not failed yet"),
    replay="nothing",
    needs_permission=True,
    grants=None,
    sentence=NoSentence.OF_NO_RECORDING,
)

OUTBOX_EVENTS: Final[Mapping[OutboxEvent, EventRules]] = {
    "message.sent": _message("Message sent to a receiver"),
    "message.accepted": _message("Message taken by the receiver"),
    "message.superseded": _message("Message not sent any more"),
    "message.given_up": _message("Message given up, which the receiver did not take"),
    "destination.failing": _DESTINATION,
    "destination.disabled": _DESTINATION,
}

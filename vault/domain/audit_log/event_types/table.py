"""Every type of access event, and what the vault does with it: one entry in the file of its subject.

A type without an entry fails the import; an entry without one of its decisions, mypy.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final, Literal, get_args

from vault.domain.audit_log.event_types.accounts import ACCOUNT_EVENTS, AccountEvent
from vault.domain.audit_log.event_types.consent import CONSENT_EVENTS, ConsentTypes
from vault.domain.audit_log.event_types.event_rules import Closing, EventRules
from vault.domain.audit_log.event_types.handover import HANDOVER_EVENTS, HandoverEvent
from vault.domain.audit_log.event_types.outbox import OUTBOX_EVENTS, OutboxEvent
from vault.domain.audit_log.event_types.playback import PLAYBACK_EVENTS, PlaybackEvent
from vault.domain.audit_log.event_types.recordings import RECORDING_EVENTS, RecordingEvent
from vault.domain.audit_log.event_types.rights import RIGHTS_EVENTS, RightsEvent

EventType = Literal[
    RecordingEvent, PlaybackEvent, AccountEvent, ConsentTypes, RightsEvent, OutboxEvent, HandoverEvent
]  # fmt: skip

EVENT_TYPES: Final[Mapping[EventType, EventRules]] = dict(
    chain[tuple[EventType, EventRules]](
        RECORDING_EVENTS.items(),
        PLAYBACK_EVENTS.items(),
        ACCOUNT_EVENTS.items(),
        CONSENT_EVENTS.items(),
        RIGHTS_EVENTS.items(),
        OUTBOX_EVENTS.items(),
        HANDOVER_EVENTS.items(),
    )
)
if missing := sorted({*get_args(EventType)} - EVENT_TYPES.keys()):
    raise LookupError(f"These types of events have no entry in their table: {', '.join(missing)}.")

#: The types that are closing acts, perhaps only with some results.
CLOSING: Final[Mapping[EventType, Closing]] = {
    name: rules.closes for name, rules in EVENT_TYPES.items() if isinstance(rules.closes, Closing)
}

"""Which parties have said no, and have not taken that back by a new consent."""

from collections.abc import Sequence
from datetime import datetime

from vault.domain.consent.consent_event import NO, ConsentEvent, Party

#: Methods by which a party agrees: hearing a notice is no consent.
ACTIVE = frozenset({"key", "speech", "form"})


def parties_against(events: Sequence[ConsentEvent]) -> tuple[Party, ...]:
    """Return the parties whose last word is a no, by events in the order in which the vault received them.

    A new consent is of the same party, was received after the no, and was given after it: a consent of before that
    arrives late takes nothing back. It counts for what was recorded; the call's other recordings stay refused.
    """
    since: dict[Party, datetime] = {}
    for event in events:
        # A no may be dated in the future, by a clock that is off; it was given before it was received.
        given = min(event.at, event.heard_at)
        if event.answer in NO:
            since[event.party] = max(given, since.get(event.party, given))
        elif event.answer == "accepted" and event.method in ACTIVE and given > since.get(event.party, given):
            del since[event.party]
    return tuple(sorted(since))

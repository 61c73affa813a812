"""Every kind of closing act: read its content when it happens, and apply it to a database that lost it.

A closing type of event without its kind fails the import.
"""

from collections.abc import Mapping
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.stored.closing_acts import Act
from vault.services.closing_acts.kinds.access import ACCESS
from vault.services.closing_acts.kinds.kind import AnyClosingKind
from vault.services.closing_acts.kinds.recordings import RECORDINGS
from vault.services.closing_acts.kinds.rights import RIGHTS

_KINDS: Final[Mapping[EventType, AnyClosingKind]] = {**RECORDINGS, **ACCESS, **RIGHTS}
if wrong := {
    name
    for name in CLOSING.keys() | _KINDS.keys()
    if name not in CLOSING or name not in _KINDS or CLOSING[name].content != _KINDS[name].content_name
}:
    raise LookupError(
        f"These types of events close something, by the table of events or by the kinds of closing acts, and the "
        f"other does not say so, or names another content: {', '.join(sorted(wrong))}."
    )


def read_content(tx: Transaction, event: AccessEvent) -> object:
    """Return what the act of an event stores beside its leaf."""
    return _KINDS[event.type].read_content(tx, event)


def reapply(tx: Transaction, act: Act) -> None:
    """Apply the act's effect. Rows that are missing in this database are skipped."""
    account_id = act.event.account_id
    if account_id is not None:
        tx.lock_account(account_id, exclusive=True)
    _KINDS[act.event.type].reapply(tx, act)

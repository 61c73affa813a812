"""Which closing acts wait for an object of their recording, or have lost the row that would be stored again."""

from typing import Final

from sqlalchemy import ColumnElement, func, select

from vault.database.schema.access_log import closing_acts
from vault.database.schema.consent import consent_events
from vault.database.schema.core import recordings
from vault.domain.audit_log.event_types.table import CLOSING, EventType
from vault.domain.recordings.recording import State
from vault.domain.stored.closing_acts import subject_of
from vault.domain.stored.tombstone import FINAL

_C = closing_acts.c
#: Acts that end a recording: if its row is lost too, only its tombstone prevents another fetch. And acts after which it
#: is played from a new manifest: from the old one, removed audio would come back.
WRITTEN_KINDS: Final = tuple(
    name for name, closing in CLOSING.items() if closing.until in {"tombstone", "manifest"}
)


def is_unwritten(kind: EventType) -> ColumnElement[bool]:
    """Match acts of this kind whose recording has no tombstone, or no new manifest, in the object store yet."""
    r, prefix = recordings.c, subject_of(kind, "")
    mine = r.id == func.substr(_C.subject, len(prefix) + 1)
    if CLOSING[kind].until == "manifest":
        due = r.manifest_due & (r.state == str(State.AVAILABLE))
    else:
        due = r.manifest_due | r.state.not_in([str(state) for state in FINAL])
    return _C.subject.startswith(prefix) & select(r.id).where(mine, due).exists()


def has_row() -> ColumnElement[bool]:
    """Match all acts except settled consent refusals whose row is missing.

    Those are not stored again: the object in the store may be sealed under a later version of the key than
    the copy here.
    """
    prefix, c = subject_of("consent.told", ""), consent_events.c
    row = select(c.id).where(c.id == func.substr(_C.subject, len(prefix) + 1))
    return ~(_C.settled & _C.subject.startswith(prefix) & ~row.exists())

"""Systems that are told what became of a call by messages, and keep no record that the vault can look at.

The whole state of the call is in each message, under the id of its hand-over, so a repeated one changes nothing.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from vault.crm.replies import verdict_of
from vault.crm.text import MAX_TEXT, MAX_VALUE, plain
from vault.domain.crm.exchange import Act, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Handover, RemoteIds, Target
from vault.domain.crm.verdict import Denied, Gone, Residue, Verdict, Wait
from vault.ports.crm import CrmSystem
from vault.rfc3339 import write_rfc3339

_GONE: Final = 410
#: Characters of all notes.
_MAX_NOTES: Final = MAX_TEXT - 6 * MAX_VALUE


class MessageSystem(CrmSystem):
    """What such systems have in common: all but where a message goes, and how it is signed."""

    __slots__ = ()

    oauth: None = None
    keeps_after_edit: frozenset[Residue] = frozenset({Residue.TOLD})
    keeps_after_removal: frozenset[Residue] = frozenset({Residue.TOLD})
    probe_lag: timedelta = timedelta(0)

    @property
    def audience(self) -> Literal["receiver"]:
        """Return that a program of the customer reads it."""
        return "receiver"

    @abstractmethod
    def message(self, kind: str, data: Mapping[str, object], access: CrmAccess) -> CrmRequest:
        """Return the request with a message, such as of the kind ``removed``."""

    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest:  # noqa: ARG002 - the port's
        """Return the message that a call is handed over."""
        return self.message("handed_over", facts_of(handover), access)

    def created(self, reply: CrmReply) -> RemoteIds:  # noqa: ARG002 - the port's
        """Return no id: it is known by that of its hand-over."""
        return {}

    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the message with everything that is valid now."""
        kind = "restricted" if handover.state == "restricted" else "changed"
        return (self.message(kind, facts_of(handover), access),)

    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the port's
        """Return the message that the call must be removed."""
        return (self.message("removed", {"id": handover_id}, access),)

    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means. It says nothing of a record: where nothing answers there is no receiver."""
        if reply.status == _GONE:
            return Denied(code="gone")
        verdict = verdict_of(act, reply)
        return Wait() if isinstance(verdict, Gone) else verdict


def facts_of(handover: Handover) -> Mapping[str, object]:
    """Return what a message says of a call; of a restricted one its id and doorway alone."""
    known: dict[str, object] = {"id": handover.id, "doorway": handover.address}
    if handover.state == "restricted":
        return known
    texts = {
        "agent": handover.agent,
        "direction": handover.direction,
        "caller": handover.caller,
        "callee": handover.callee,
    }
    known |= {name: plain(value, limit=MAX_VALUE) for name, value in texts.items() if value}
    known["started_at"] = write_rfc3339(handover.started_at)
    if handover.duration is not None:
        known["duration_seconds"] = max(0, int(handover.duration.total_seconds()))
    return {**known, "notes": _notes(handover.notes)}


def _notes(notes: Sequence[str]) -> Sequence[str]:
    """Return notes, cut to a length together."""
    shown, left = list[str](), _MAX_NOTES
    for note in notes[:_MAX_NOTES]:
        text = plain(note[: left + 1], limit=left)
        if text:
            shown.append(text)
        left -= len(text)
        if left <= 0:
            break
    return shown

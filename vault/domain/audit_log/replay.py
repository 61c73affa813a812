"""Collects from a log's leaves the changes that a database without these leaves must apply again.

Leaves contain only ids and codes. That is enough for every change that must not be lost: erasures, refusals,
restrictions, the recording switch, and revoked keys and links. Which types of events that are, the entries of the types
say (``event_types/``).
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from vault.domain.audit_log.event_types.recordings import ON_ARRIVAL
from vault.domain.audit_log.event_types.table import EVENT_TYPES, EventType
from vault.domain.audit_log.lost_access import LOSES_ACCESS, LostAccess, LostAccessType
from vault.domain.audit_log.lost_handovers import LOSES_HANDOVER, LostHandovers
from vault.domain.audit_log.switch_history import LoggedChange
from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339

#: What becomes of a recording in quarantine.
_ENDS_QUARANTINE = frozenset(
    {"recording.available", "recording.refused", "recording.erasing", "recording.erased", "recording.failed"}
)
#: Event types of playback, which do not change the recording.
_LISTENING = ("playback.", "download.", "waveform.", "link.")


@dataclass(slots=True)
class Replay:
    """The final state of everything that the leaves changed."""

    #: Recordings that were erased, or whose erasure was begun, and when.
    erased: dict[str, datetime] = field(default_factory=dict)
    #: Refused recordings, with the code of the reason.
    refused: dict[str, str] = field(default_factory=dict)
    restricted: dict[str, bool] = field(default_factory=dict)
    #: What the events of a restriction say of its causes.
    restriction_results: dict[str, set[str | None]] = field(default_factory=dict)
    #: Recordings whose erasure waits: since when, the cause, and who asked.
    pending: dict[str, tuple[datetime, str, str]] = field(default_factory=dict)
    #: Recordings whose contact ended, as was said last: when it ended (None: taken back), when that was said, by whom.
    contact_ends: dict[str, tuple[datetime | None, datetime, str]] = field(default_factory=dict)
    #: Recordings of which audio was removed: the digests of the evidence of that.
    redacted: dict[str, set[str]] = field(default_factory=dict)
    #: Recordings that became available.
    available: set[str] = field(default_factory=set)
    #: Recordings that were in quarantine at the end.
    quarantined: set[str] = field(default_factory=set)
    #: Whether ``recordings`` is filled; for a whole log it is large.
    lists_recordings: bool = False
    #: Recordings with an event other than playback.
    recordings: set[str] = field(default_factory=set)
    revoked_links: dict[str, datetime] = field(default_factory=dict)
    revoked_keys: dict[str, datetime] = field(default_factory=dict)
    deleted_connections: set[str] = field(default_factory=set)
    deleted_link_keys: dict[str, datetime] = field(default_factory=dict)
    handover: LostHandovers = field(default_factory=LostHandovers)
    deleted_endpoints: set[str] = field(default_factory=set)
    #: Accounts that have deleted their callback, and set no other one since.
    deleted_callbacks: set[str] = field(default_factory=set)
    #: Approvals that were vetoed, expired or executed: the state, and when.
    ended_approvals: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    #: Lost access of people by event type and id. Who was readmitted is not there.
    lost_access: dict[tuple[LostAccessType, str], LostAccess] = field(default_factory=dict)
    #: By account.
    switch: dict[str, list[LoggedChange]] = field(default_factory=dict)
    #: By account: the last change of the account object's content.
    changed: dict[str, datetime] = field(default_factory=dict)
    #: Accounts whose consent policy changed.
    policies: set[str] = field(default_factory=set)
    #: Number of events by type; the times of the first and the last event.
    types: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    leaves: int = 0

    def take(self, leaf: bytes) -> None:
        """Add the next leaf. Raises Tampered for one that is not an access event."""
        self.leaves += 1
        try:
            event: dict[str, Any] = json.loads(leaf)
            at = parse_rfc3339(event["at"])
            self._apply(event, at)
            self._count(event, at)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Tampered("A leaf of the published log is not an access event.") from error

    def _count(self, event: dict[str, Any], at: datetime) -> None:
        kind: str = event["type"]
        self.types[kind] += 1
        self.first_at = min(at, self.first_at or at)
        self.last_at = max(at, self.last_at or at)
        if kind == "recording.quarantined":
            self.quarantined.add(str(event.get("recording")))
        elif kind in _ENDS_QUARANTINE:
            self.quarantined.discard(str(event.get("recording")))
        if self.lists_recordings and not kind.startswith(_LISTENING):
            self.recordings.add(str(event.get("recording")))

    def _apply(self, event: dict[str, Any], at: datetime) -> None:
        kind: Any = event["type"]
        if kind in _FROM_LEAF:
            _FROM_LEAF[kind](self, event, at)
        if kind in _SETTINGS and event.get("account") is not None:  # The operators' sign-in is of no account.
            account = str(event["account"])
            self.changed[account] = max(at, self.changed.get(account, at))


def _erase(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.erased[str(event.get("recording"))] = at


def _refuse(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.refused[str(event.get("recording"))] = event.get("result") or "refused"


def _admit(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.available.add(str(event.get("recording")))


def _redact(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    if event.get("result") == ON_ARRIVAL:
        return  # A database that has lost it lets the recording arrive again, or takes it from its manifest.
    replay.redacted.setdefault(str(event.get("recording")), set()).add(str(event.get("evidence")))


def _restrict(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    recording_id = str(event.get("recording"))
    replay.restricted[recording_id] = event["type"] == "recording.restricted"
    earlier = replay.restriction_results.get(recording_id, set())
    now = earlier | {event.get("result")} if replay.restricted[recording_id] else set()
    replay.restriction_results[recording_id] = now


def _await_erasure(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    waits = (at, event.get("result") or "request", event["actor"])
    replay.pending.setdefault(str(event.get("recording")), waits)


def _contact_end(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    ended = parse_rfc3339(event["result"]) if event["type"] == "recording.contact_ended" else None
    replay.contact_ends[str(event.get("recording"))] = ended, at, event["actor"]


def _revoke_link(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.revoked_links[event["link"]] = at


def _revoke_key(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.revoked_keys[event["result"]] = at


def _switch(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    change = LoggedChange(enabled=event["result"] == "on", at=at, by=event["actor"])
    replay.switch.setdefault(str(event.get("account")), []).append(change)


def _change_policy(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.policies.add(str(event.get("account")))


# What is deleted by its id: something new with the same name has another.
def _delete_receiver(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    is_connection = event["type"] == "connection.deleted"
    (replay.deleted_connections if is_connection else replay.deleted_endpoints).add(event["result"])


def _hand_over(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.handover.take(event, at)


def _delete_link_key(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.deleted_link_keys[event["result"]] = at


def _delete_callback(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.deleted_callbacks.add(event["account"])


def _set_callback(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.deleted_callbacks.discard(event["account"])


def _end_approval(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    replay.ended_approvals.setdefault(event["result"], (event["type"].removeprefix("approval."), at))


def _lose_access(replay: Replay, event: dict[str, Any], at: datetime) -> None:
    lost = LostAccess(
        kind=event["type"],
        account_id=event.get("account") or None,
        at=at,
        session_id=event.get("session"),
        result=event.get("result"),
        identity=event.get("identity"),
    )
    if not lost.id:
        raise ValueError("It does not say what ended.")
    replay.lost_access[lost.kind, lost.id] = lost


def _readmit(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.lost_access.pop(("member.removed", event["result"]), None)


def _activate(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    replay.lost_access.pop(("provisioned_user.deactivated", event["result"]), None)


def _end_provisioning(replay: Replay, event: dict[str, Any], _at: datetime) -> None:
    ended = [
        key
        for key, lost in replay.lost_access.items()
        if lost.kind == "provisioned_user.deactivated" and lost.account_id == event.get("account")
    ]
    for key in ended:
        del replay.lost_access[key]


#: What each type does of which a restore applies the leaf.
_FROM_LEAF: Final[Mapping[EventType, Callable[[Replay, dict[str, Any], datetime], None]]] = {
    "recording.erasing": _erase,
    "recording.erased": _erase,
    "recording.refused": _refuse,
    "recording.available": _admit,
    "recording.redacted": _redact,
    "recording.restricted": _restrict,
    "recording.unrestricted": _restrict,
    "recording.pending_erasure": _await_erasure,
    "recording.contact_ended": _contact_end,
    "recording.contact_end_withdrawn": _contact_end,
    "link.revoked": _revoke_link,
    "key.revoked": _revoke_key,
    "switch.changed": _switch,
    "policy.changed": _change_policy,
    "connection.deleted": _delete_receiver,
    "link_key.deleted": _delete_link_key,
    "event_endpoint.deleted": _delete_receiver,
    **dict.fromkeys(LOSES_HANDOVER, _hand_over),
    "callback.deleted": _delete_callback,
    "callback.changed": _set_callback,
    "approval.vetoed": _end_approval,
    "approval.expired": _end_approval,
    "approval.executed": _end_approval,
    **dict.fromkeys(LOSES_ACCESS, _lose_access),
    "member.readmitted": _readmit,
    "provisioned_user.activated": _activate,
    "provisioning.deleted": _end_provisioning,
}
if wrong := _FROM_LEAF.keys() ^ {
    name for name, rules in EVENT_TYPES.items() if rules.replay in {"leaf", "setting_and_leaf"}
}:
    raise LookupError(f"A restore does not apply the leaves that the table of events says: {sorted(wrong)}.")
#: Changes of an account whose content is only in the account's object.
_SETTINGS: Final = frozenset(
    name for name, rules in EVENT_TYPES.items() if rules.replay in {"setting", "setting_and_leaf"}
)

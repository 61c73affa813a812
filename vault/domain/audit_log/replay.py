"""Collects from a log's leaves the changes that a database without these leaves must apply again.

Leaves contain only ids and codes. That is enough for every change that must not be lost: erasures, refusals,
restrictions, the recording switch, and revoked keys and links.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vault.domain.accounts.account import SwitchChange
from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339

#: Changes of an account whose content is only in the account's object.
_SETTINGS = frozenset(
    {
        "account.opened", "account.changed", "connection.changed", "connection.deleted", "policy.changed",
        "objection.entered", "objection.ended", "notice.drafted", "notice.changed", "notice.deleted",
        "notice.published", "notice.retired", "hold.placed", "hold.released", "retention.changed",
        "processing_record.changed", "recipient.entered", "recipient.changed", "recipient.ended",
        "authority.received", "authority.changed", "authority.answered",
        "link_key.registered", "link_key.changed", "link_key.deleted", "link.cut",
        "approval_rule.tightened", "approval_rule.loosened", "callback.changed", "callback.deleted",
        "sign_in.changed", "sign_in.deleted", "role.granted", "role.revoked",
    }
)  # fmt: skip

#: Events after which somebody may do less.
_LOST_ACCESS = frozenset({"sign_in.deleted", "role.revoked", "member.removed", "console.ended"})
#: Events that end an approval.
_ENDED = frozenset({"approval.vetoed", "approval.expired", "approval.executed"})
#: Event types of playback, which do not change the recording.
_LISTENING = ("playback.", "download.", "waveform.", "link.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """One change of the recording switch, from the log."""

    enabled: bool
    at: datetime
    by: str


@dataclass(slots=True)
class Replay:
    """The final state of everything that the leaves changed."""

    #: Recordings that were erased, or whose erasure was begun, and when.
    erased: dict[str, datetime] = field(default_factory=dict)
    #: Refused recordings, with the code of the reason.
    refused: dict[str, str] = field(default_factory=dict)
    restricted: dict[str, bool] = field(default_factory=dict)
    #: Recordings whose erasure waits: since when, the cause, and who asked.
    pending: dict[str, tuple[datetime, str, str]] = field(default_factory=dict)
    #: Recordings whose contact ended, as was said last: when it ended (None: taken back), when that was said, by whom.
    contact_ends: dict[str, tuple[datetime | None, datetime, str]] = field(default_factory=dict)
    #: Recordings that became available.
    available: set[str] = field(default_factory=set)
    #: Whether ``recordings`` is filled; for a whole log it is large.
    lists_recordings: bool = False
    #: Recordings with an event other than playback.
    recordings: set[str] = field(default_factory=set)
    revoked_links: dict[str, datetime] = field(default_factory=dict)
    revoked_keys: dict[str, datetime] = field(default_factory=dict)
    deleted_connections: set[str] = field(default_factory=set)
    deleted_link_keys: dict[str, datetime] = field(default_factory=dict)
    #: Accounts that have deleted their callback, and set no other one since.
    deleted_callbacks: set[str] = field(default_factory=set)
    #: Approvals that were vetoed, expired or executed: the state, and when.
    ended_approvals: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    #: Lost access of people by event type and id: the account, when, and the identity of who was removed. Who was
    #: readmitted is not there.
    lost_access: dict[tuple[str, str], tuple[str, datetime, str | None]] = field(default_factory=dict)
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
        if kind in _ENDED:
            self.ended_approvals.setdefault(event["result"], (kind.removeprefix("approval."), at))
        elif kind in _LOST_ACCESS:
            lost = event["session"] if kind == "console.ended" else event["result"]
            self.lost_access[kind, lost] = (str(event.get("account") or ""), at, event.get("identity"))
        elif kind == "member.readmitted":
            self.lost_access.pop(("member.removed", event["result"]), None)
        elif kind == "policy.changed":
            self.policies.add(str(event.get("account")))
        elif kind == "recording.available":
            self.available.add(str(event.get("recording")))
        if self.lists_recordings and not kind.startswith(_LISTENING):
            self.recordings.add(str(event.get("recording")))

    def _apply(self, event: dict[str, Any], at: datetime) -> None:
        kind: str = event["type"]
        recording, account = str(event.get("recording")), str(event.get("account"))
        if kind in {"recording.erasing", "recording.erased"}:
            self.erased[recording] = at
        elif kind == "recording.refused":
            self.refused[recording] = event.get("result") or "refused"
        elif kind in {"recording.restricted", "recording.unrestricted"}:
            self.restricted[recording] = kind == "recording.restricted"
        elif kind == "recording.pending_erasure":
            self.pending.setdefault(recording, (at, event.get("result") or "request", event["actor"]))
        elif kind in {"recording.contact_ended", "recording.contact_end_withdrawn"}:
            self.contact_ends[recording] = _contact_end(event, at)
        elif kind == "link.revoked":
            self.revoked_links[event["link"]] = at
        elif kind == "key.revoked":
            self.revoked_keys[event["result"]] = at
        elif kind == "switch.changed":
            change = LoggedChange(enabled=event["result"] == "on", at=at, by=event["actor"])
            self.switch.setdefault(account, []).append(change)
        elif (
            kind in _SETTINGS and event.get("account") is not None
        ):  # The operators' sign-in is of no account.
            self.changed[account] = max(at, self.changed.get(account, at))
            self._delete(kind, event, at)

    def _delete(self, kind: str, event: dict[str, Any], at: datetime) -> None:
        """Note what is deleted by its id: something new with the same name has another."""
        if kind == "connection.deleted":
            self.deleted_connections.add(event["result"])
        elif kind == "link_key.deleted":
            self.deleted_link_keys[event["result"]] = at
        elif kind == "callback.deleted":
            self.deleted_callbacks.add(event["account"])
        elif kind == "callback.changed":
            self.deleted_callbacks.discard(event["account"])


def _contact_end(event: dict[str, Any], at: datetime) -> tuple[datetime | None, datetime, str]:
    ended = event["type"] == "recording.contact_ended"
    return parse_rfc3339(event["result"]) if ended else None, at, event["actor"]


def merge_history(
    known: Sequence[SwitchChange], kept: Iterable[SwitchChange], logged: Iterable[LoggedChange]
) -> list[SwitchChange]:
    """Merge the switch's changes from the database, from the account's object, and from the log.

    A change is identified by its time. One that only the log has gets the epoch after the changes before it;
    the log does not contain its reason. Returns all changes, oldest first.
    """
    changes: dict[datetime, SwitchChange | LoggedChange] = {change.at: change for change in logged}
    changes |= {change.at: change for change in [*kept, *known]}
    history: list[SwitchChange] = []
    for at in sorted(changes):
        change = changes[at]
        epoch = (history[-1].epoch if history else 0) + (not change.enabled)
        reason = None
        if isinstance(change, SwitchChange):
            # Its epoch is too low if an earlier change is only in the log.
            epoch, reason = max(epoch, change.epoch), change.reason
        history.append(SwitchChange(enabled=change.enabled, epoch=epoch, at=at, by=change.by, reason=reason))
    return history


def closes(
    known: Sequence[SwitchChange],
    kept: Iterable[SwitchChange],
    logged: Iterable[LoggedChange],
    own: Sequence[LoggedChange],
) -> bool:
    """Return whether one of two histories of the switch ends off, by a change that the other does not have.

    ``known`` are all changes in the database, ``own`` those of them since the histories forked; ``kept`` (from
    the account's object) and ``logged`` (from the log) are those of the other history. If an off was followed
    by an acknowledged on in the same history, that history ends on.
    """
    known_times = {change.at for change in known}
    changes: list[SwitchChange | LoggedChange] = [*kept, *logged]
    lost = max(changes, key=lambda change: change.at, default=None)
    lost_ends_off = lost is not None and lost.at not in known_times and not lost.enabled
    return lost_ends_off or (bool(own) and not own[-1].enabled)

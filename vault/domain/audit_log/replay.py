"""What the leaves of a log say that has to be done again to a database that lacks them.

Leaves hold ids and codes alone. That is enough for everything that may not be undone: erasures, refusals,
restrictions, the switch, and keys and links that were revoked.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vault.domain.accounts.account import SwitchChange
from vault.errors import Tampered

#: Changes of an account whose content stands in its object alone.
_SETTINGS = frozenset(
    {
        "account.opened", "account.changed", "connection.changed", "connection.deleted", "policy.changed",
        "objection.entered", "objection.ended", "notice.drafted", "notice.changed", "notice.deleted",
        "notice.published", "notice.retired",
    }
)  # fmt: skip


#: Events of listening, which change nothing of a recording.
_LISTENING = ("playback.", "download.", "waveform.", "link.")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """The switch was set, as the log has it."""

    enabled: bool
    at: datetime
    by: str


@dataclass(slots=True)
class Replay:
    """What the leaves said, each thing as it stood in the end."""

    #: Recordings that were erased or began to be, and when.
    erased: dict[str, datetime] = field(default_factory=dict)
    #: Recordings that were refused, with the code of the reason.
    refused: dict[str, str] = field(default_factory=dict)
    restricted: dict[str, bool] = field(default_factory=dict)
    #: Recordings that became available.
    available: set[str] = field(default_factory=set)
    #: Whether ``recordings`` are listed, which a whole log has many of.
    lists_recordings: bool = False
    #: Recordings to which more than listening happened.
    recordings: set[str] = field(default_factory=set)
    revoked_links: dict[str, datetime] = field(default_factory=dict)
    revoked_keys: dict[str, datetime] = field(default_factory=dict)
    deleted_connections: set[str] = field(default_factory=set)
    #: By account.
    switch: dict[str, list[LoggedChange]] = field(default_factory=dict)
    #: When each account last changed what stands in its object.
    changed: dict[str, datetime] = field(default_factory=dict)
    #: Accounts whose consent policy changed.
    policies: set[str] = field(default_factory=set)
    #: How many events of each type there were, and when the first and the last of all were.
    types: Counter[str] = field(default_factory=Counter)
    first_at: datetime | None = None
    last_at: datetime | None = None
    leaves: int = 0

    def take(self, leaf: bytes) -> None:
        """Take the next leaf. Raises Tampered for one that is no access event."""
        self.leaves += 1
        try:
            said: dict[str, Any] = json.loads(leaf)
            at = datetime.fromisoformat(said["at"])
            self._event(said, at)
            self._count(said, at)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Tampered("A leaf of the published log is no access event.") from error

    def _count(self, said: dict[str, Any], at: datetime) -> None:
        kind: str = said["type"]
        self.types[kind] += 1
        self.first_at = min(at, self.first_at or at)
        self.last_at = max(at, self.last_at or at)
        if kind == "policy.changed":
            self.policies.add(str(said.get("account")))
        elif kind == "recording.available":
            self.available.add(str(said.get("recording")))
        if self.lists_recordings and not kind.startswith(_LISTENING):
            self.recordings.add(str(said.get("recording")))

    def _event(self, said: dict[str, Any], at: datetime) -> None:
        kind: str = said["type"]
        recording, account = str(said.get("recording")), str(said.get("account"))
        if kind in {"recording.erasing", "recording.erased"}:
            self.erased[recording] = at
        elif kind == "recording.refused":
            self.refused[recording] = said.get("result") or "refused"
        elif kind in {"recording.restricted", "recording.unrestricted"}:
            self.restricted[recording] = kind == "recording.restricted"
        elif kind == "link.revoked":
            self.revoked_links[said["link"]] = at
        elif kind == "key.revoked":
            self.revoked_keys[said["result"]] = at
        elif kind == "switch.changed":
            change = LoggedChange(enabled=said["result"] == "on", at=at, by=said["actor"])
            self.switch.setdefault(account, []).append(change)
        elif kind in _SETTINGS:
            self.changed[account] = max(at, self.changed.get(account, at))
            if kind == "connection.deleted":
                # One that is made again under its name has another id.
                self.deleted_connections.add(said["result"])


def merge_history(
    known: Sequence[SwitchChange], kept: Iterable[SwitchChange], logged: Iterable[LoggedChange]
) -> list[SwitchChange]:
    """Join what a database knows of the switch, what the account's object kept, and what the log has.

    A change is known by its moment. One that only the log has gets the epoch that follows from those
    before it; its reason is not in the log. Returns all changes, oldest first.
    """
    changes: dict[datetime, SwitchChange | LoggedChange] = {one.at: one for one in logged}
    changes |= {one.at: one for one in [*kept, *known]}
    history: list[SwitchChange] = []
    for at in sorted(changes):
        one = changes[at]
        epoch = (history[-1].epoch if history else 0) + (not one.enabled)
        reason = None
        if isinstance(one, SwitchChange):
            # One that was kept without a change before it, which only the log has, counts one less.
            epoch, reason = max(epoch, one.epoch), one.reason
        history.append(SwitchChange(enabled=one.enabled, epoch=epoch, at=at, by=one.by, reason=reason))
    return history


def closes(
    known: Sequence[SwitchChange],
    kept: Iterable[SwitchChange],
    logged: Iterable[LoggedChange],
    own: Sequence[LoggedChange],
) -> bool:
    """Say whether one of two histories of the switch ends off, by a change that was made without the other.

    ``known`` are all changes that the database knows, ``own`` those of them since the histories parted, and
    ``kept`` and ``logged`` are what the account's object and the log say of the other. An on that was
    acknowledged after an off of the same history ends that history on.
    """
    there = {one.at for one in known}
    changes: list[SwitchChange | LoggedChange] = [*kept, *logged]
    lost = max(changes, key=lambda one: one.at, default=None)
    lost_ends_off = lost is not None and lost.at not in there and not lost.enabled
    return lost_ends_off or (bool(own) and not own[-1].enabled)

"""Joins the changes of an account's recording switch that a database, the account's object and the log know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.accounts.account import SwitchChange


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """One change of the recording switch, from the log."""

    enabled: bool
    at: datetime
    by: str


def merge_history(
    own: Sequence[SwitchChange], stored: Iterable[SwitchChange], logged: Iterable[LoggedChange]
) -> list[SwitchChange]:
    """Merge the switch's changes from the database, from the account's object, and from the log.

    A change is identified by its time. One that only the log has gets the epoch after the changes before it;
    the log does not contain its reason. Returns all changes, oldest first.
    """
    changes: dict[datetime, SwitchChange | LoggedChange] = {change.at: change for change in logged}
    changes |= {change.at: change for change in [*stored, *own]}
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
    current: Sequence[SwitchChange],
    stored: Iterable[SwitchChange],
    logged: Iterable[LoggedChange],
    own: Sequence[LoggedChange],
) -> bool:
    """Return whether one of two histories of the switch ends off, by a change that the other does not have.

    ``current`` are all changes in the database, ``own`` those of them since the histories forked; ``stored`` (from
    the account's object) and ``logged`` (from the log) are those of the other history. If an off was followed
    by an acknowledged on in the same history, that history ends on.
    """
    known_times = {change.at for change in current}
    changes: list[SwitchChange | LoggedChange] = [*stored, *logged]
    lost = max(changes, key=lambda change: change.at, default=None)
    lost_ends_off = lost is not None and lost.at not in known_times and not lost.enabled
    return lost_ends_off or (bool(own) and not own[-1].enabled)

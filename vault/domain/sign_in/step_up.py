"""A fresh verification: whether an account wants one for its weighty acts, and how long one counts."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.domain.accounts.console_session import ConsoleSession

#: How long a proof counts as fresh.
FRESH: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Whether weighty acts of people need a fresh verification. It is off until somebody sets it."""

    required: bool = False
    #: Counts the changes; 0: it was never set.
    version: int = 0
    changed_at: datetime | None = None
    changed_by: str | None = None


def is_fresh(session: ConsoleSession, now: datetime) -> bool:
    """Return whether the person of a session proved within 15 minutes who it is."""
    return session.verified_at is not None and now < session.verified_at + FRESH


def stricter(own: StepUp, other: StepUp) -> StepUp:
    """Return what requires a verification if either does, with a version above both where they differ."""
    if own.required == other.required or own.required:
        return own if own.version >= other.version or own.required != other.required else other
    return replace(other, version=max(own.version + 1, other.version))

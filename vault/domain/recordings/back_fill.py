"""The search for keyed digits in recordings that were there before an account's policy on card data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from vault.domain.recordings.card_data import Policy
from vault.domain.recordings.recording import State

#: ``stopped``: by somebody, or because the policy was changed, see BackFillCause; ``done``: nothing is left to search.
BackFillState = Literal["running", "paused", "stopped", "done"]
#: What a person may ask of one that is not over.
BackFillWish = Literal["running", "paused", "stopped"]
#: Why it was stopped.
BackFillCause = Literal["asked", "policy_changed"]
#: Recordings in these states have audio that somebody may hear, now or after a release.
SEARCHED: Final = (State.AVAILABLE, State.QUARANTINED)
#: Nothing of these goes on.
OVER: Final[frozenset[BackFillState]] = frozenset({"stopped", "done"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFillSize:
    """Recordings that a policy has not searched, and the seconds of their audio."""

    recordings: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BackFill:
    """The newest back-fill of an account. Its progress is a place in the recordings by ``(received_at, id)``."""

    account_id: str
    #: The policy that it carries out, and when that was set: it stops where the account has another one.
    keyed_digits: Policy
    #: Recordings are searched that arrived before this.
    policy_at: datetime
    state: BackFillState
    cause: BackFillCause | None = None
    begun_at: datetime
    begun_by: str
    changed_at: datetime
    changed_by: str
    #: What there was to search when it began.
    recordings: int
    seconds: float
    #: The last recording that was searched.
    after_at: datetime | None = None
    after_id: str | None = None
    #: Failed tries of the next one.
    tries: int = 0
    searched: int = 0
    searched_seconds: float = 0.0
    #: Sequences that were proposed to people.
    proposed: int = 0
    #: Recordings from which card numbers were removed.
    removed: int = 0
    #: Recordings whose card numbers stay since a hold covers them, or for another reason. Their proposals say why.
    held: int = 0
    unremoved: int = 0
    #: Recordings that could not be read or decoded.
    unreadable: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing of it goes on."""
        return self.state in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What the search of one recording adds to the counts."""

    seconds: float = 0.0
    proposed: int = 0
    removed: int = 0
    held: int = 0
    unremoved: int = 0
    unreadable: int = 0

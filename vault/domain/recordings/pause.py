"""Pauses of a recording while the call goes on, so that card data is not recorded: what was asked and answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from vault.rfc3339 import write_rfc3339

#: Why it is paused.
PauseReason = Literal["card", "other"]
#: What the provider answered to the request to pause: its own status, not that of HTTP. ``impossible``: it has no
#: command for it, or the vault does not know the call's provider.
PauseAnswer = Literal["paused", "not_paused", "impossible"]
#: The same of the request to go on.
ResumeAnswer = Literal["resumed", "not_resumed", "impossible"]
#: Who ended it: somebody, or the limit of time.
EndCause = Literal["asked", "expired"]
#: How long a pause lasts if nobody ends it: a forgotten one loses evidence.
MAX_PAUSE: Final = timedelta(seconds=180)
#: Of one call; a request for one more is refused.
MAX_PAUSES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPause:
    """One pause of the recording of a call."""

    id: str
    account_id: str
    call_ref: str
    #: The connection whose provider is asked; None where the vault does not know one.
    connection_id: str | None
    reason: PauseReason
    asked_at: datetime
    asked_by: str
    #: When it ends by itself.
    expires_at: datetime
    #: None until the provider answered.
    answer: PauseAnswer | None = None
    #: Requests to the provider without an answer, for what is wanted now: to pause, or to go on.
    attempts: int = 0
    ended_at: datetime | None = None
    ended_by: str | None = None
    end_cause: EndCause | None = None
    end_answer: ResumeAnswer | None = None

    def encoded(self) -> dict[str, Any]:
        """Return it as a JSON object of the evidence."""
        return {
            "id": self.id,
            "reason": self.reason,
            "asked_at": write_rfc3339(self.asked_at, "microseconds"),
            "asked_by": self.asked_by,
            "answer": self.answer,
            "ended_at": None if self.ended_at is None else write_rfc3339(self.ended_at, "microseconds"),
            "end_cause": self.end_cause,
            "end_answer": self.end_answer,
        }


def open_one(pauses: Sequence[RecordingPause]) -> RecordingPause | None:
    """Return the pause of a call that has not ended; there is one at most."""
    return next((pause for pause in pauses if pause.ended_at is None), None)

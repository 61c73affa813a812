"""JSON schemas of pauses of recordings."""

from pydantic import BaseModel

from vault.domain.recordings.pause import EndCause, PauseAnswer, PauseReason, RecordingPause, ResumeAnswer
from vault.web.schemas.base import Body, MomentOut


class RecordingPauseIn(Body):
    """A pause of the recording of a call."""

    reason: PauseReason = "card"


class RecordingPauseOut(BaseModel):
    """A pause of the recording of a call, and what the provider answered."""

    id: str
    reason: PauseReason
    asked_at: MomentOut
    #: It ends by itself then.
    expires_at: MomentOut
    #: Null until the provider answered. `impossible`: it takes no such command, or the vault does not know which
    #: provider has the call.
    answer: PauseAnswer | None
    #: Null while the recording is paused.
    ended_at: MomentOut | None
    #: `expired`: nobody ended it in time.
    end_cause: EndCause | None
    end_answer: ResumeAnswer | None

    @classmethod
    def of(cls, pause: RecordingPause) -> "RecordingPauseOut":
        """Show a pause."""
        return cls(**{name: getattr(pause, name) for name in cls.model_fields})


class RecordingPausesOut(BaseModel):
    """The pauses of a call, oldest first: 50 at most."""

    items: list[RecordingPauseOut]

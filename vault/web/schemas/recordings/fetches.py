"""JSON schemas of how an announced recording is fetched."""

from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.recordings.recording import MAX_ATTEMPTS, Recording, State, longest_wait
from vault.domain.recordings.transitions import CLAIM
from vault.web.schemas.base import Body, MomentOut


class FetchOut(BaseModel):
    """How a recording that has not arrived is being fetched."""

    #: Attempts so far, with the one that runs.
    attempts: int
    max_attempts: int
    #: When the next attempt begins; null while one runs.
    next_attempt_at: MomentOut | None
    #: When it fails at the latest, if no attempt succeeds.
    fails_by: MomentOut

    @classmethod
    def of(cls, recording: Recording) -> "FetchOut | None":
        """Show it; None for what has arrived or ended, and for an upload."""
        due = recording.not_before
        if recording.connection_id is None or recording.state not in CLAIM.sources or due is None:
            return None
        runs = recording.state is State.TRANSFERRING
        return cls(
            attempts=recording.attempts,
            max_attempts=MAX_ATTEMPTS,
            next_attempt_at=None if runs else due,
            fails_by=due + longest_wait(recording.attempts),
        )


class RetryIn(Body):
    """Where a recording is fetched from."""

    #: The URL of the audio, as in the webhook. Default: the one that was announced last.
    recording_url: Annotated[str, Field(min_length=1, max_length=4096)] | None = None

"""Why a recording cannot be played, for the holder of an API key."""

from vault.domain.recordings.recording import Recording, State
from vault.errors import NotPlayable


def not_playable(recording: Recording | None) -> NotPlayable:
    """Return the error: ``restricted``, or the state of the recording; the same code as where a link is refused."""
    if recording is None or (recording.state is State.AVAILABLE and not recording.restricted):
        return NotPlayable("unknown")
    return NotPlayable("restricted" if recording.restricted else str(recording.state))

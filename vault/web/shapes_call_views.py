"""The JSON of a call as a whole."""

from collections.abc import Sequence

from pydantic import BaseModel

from vault.domain.recording import Recording
from vault.web.shapes import MomentOut
from vault.web.shapes_calls import DecisionOut
from vault.web.shapes_recordings import CallFactsOut
from vault.workflows.calls import CallView


class CallRecordingOut(BaseModel):
    """A recording of a call, in short."""

    id: str
    recording_ref: str
    state: str
    received_at: MomentOut

    @classmethod
    def of(cls, recording: Recording) -> "CallRecordingOut":
        """Show a recording in short."""
        return cls(
            id=recording.id,
            recording_ref=recording.recording_ref,
            state=str(recording.state),
            received_at=recording.received_at,
        )


class CallViewOut(BaseModel):
    """What is known of a call: the last word on each fact, how it would be decided now, and its recordings."""

    call: CallFactsOut
    decision: DecisionOut
    recordings: list[CallRecordingOut]

    @classmethod
    def of(cls, view: CallView) -> "CallViewOut":
        """Show a call."""
        facts = {name: getattr(view.facts, name) for name in type(view.facts).__slots__}
        return cls(
            call=CallFactsOut(**facts),
            decision=DecisionOut.of(view.decision),
            recordings=[CallRecordingOut.of(one) for one in view.recordings],
        )


class ErasedCallOut(BaseModel):
    """A call whose facts are gone, and its recordings, whose objects follow within seconds."""

    call_ref: str
    recordings: list[CallRecordingOut]

    @classmethod
    def of(cls, call_ref: str, recordings: Sequence[Recording]) -> "ErasedCallOut":
        """Show what became of a call."""
        return cls(call_ref=call_ref, recordings=[CallRecordingOut.of(one) for one in recordings])

"""Events of recordings and calls: what became of them, and who read what is kept beside the audio."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, Closing, EventRules, NoSentence

RecordingEvent = Literal[
    "recording.available", "recording.quarantined", "recording.refused", "recording.failed",
    "recording.conflict", "recording.sent_again", "recording.restricted", "recording.unrestricted",
    "recording.erasing", "recording.erased", "recording.objects_deleted", "recording.tampered",
    "recording.missing", "call.erased", "call.pending_erasure", "recording.missed",
    "source.deleted", "source.delete_failed", "source.kept", "evidence.read", "recording.paused", "recording.resumed",
    "recording.pending_erasure", "recording.contact_ended", "recording.contact_end_withdrawn",
    "recording.redacted", "redaction.dismissed",
    "details.read", "note.made", "note.changed", "note.deleted", "note.read", "metadata.changed",
]  # fmt: skip

#: The result of recording.redacted where a policy removed card numbers before the gate: no manifest has the old audio.
ON_ARRIVAL: Final = "on_arrival"
_FINDING: Final = ClosesNothing("a finding, which changes no right")
_READING: Final = ClosesNothing("it says who read something, and changes nothing")
_NOTE: Final = ClosesNothing("a listener's own note, which no promise covers")
_PROVIDER: Final = ClosesNothing("it says what became of the provider's copy, which the vault asks for again")

RECORDING_EVENTS: Final[Mapping[RecordingEvent, EventRules]] = {
    "recording.available": EventRules(
        closes=ClosesNothing("it opens"),
        replay="leaf", needs_permission=True, grants=None, sentence="Available{why}",
    ),
    "recording.quarantined": EventRules(
        closes=ClosesNothing("the gate decides again on a recording that is not available"),
        replay="nothing", needs_permission=True, grants=None, sentence="Quarantined{why}",
    ),
    # A refusal by the switch, by a party or by the gate follows from a closing act of its own.
    "recording.refused": EventRules(
        closes=Closing(content="recording", until="tombstone", subject="recording_id",
                       when=lambda result: result == "refused_by_admin"),
        replay="leaf", needs_permission=True, grants=None, sentence="Refused{why}",
    ),
    "recording.failed": EventRules(
        closes=ClosesNothing("nobody decided it: another attempt may succeed"),
        replay="nothing", needs_permission=True, grants=None, sentence="Failed{why}",
    ),
    "recording.conflict": EventRules(
        closes=ClosesNothing("the different audio was not stored"),
        replay="nothing", needs_permission=True, grants=None,
        sentence="Received again with different audio, which was not stored{why}",
    ),
    "recording.sent_again": EventRules(
        closes=ClosesNothing("it opens: a failed recording begins again"),
        replay="nothing", needs_permission=True, grants=None, sentence="Received again after a failure{why}",
    ),
    "recording.restricted": EventRules(
        closes=Closing(content="none", until="leaf", subject="recording_id"),
        replay="leaf", needs_permission=True, grants=None, sentence="Restricted{why}",
    ),
    "recording.unrestricted": EventRules(
        closes=ClosesNothing("it opens"),
        replay="leaf", needs_permission=True, grants=None, sentence="Restriction lifted{why}",
    ),
    "recording.erasing": EventRules(
        closes=Closing(content="recording", until="tombstone", subject="recording_id"),
        replay="leaf", needs_permission=True, grants=None, sentence="Erasing{why}",
    ),
    "recording.erased": EventRules(
        closes=ClosesNothing("recording.erasing closed it"),
        replay="leaf", needs_permission=True, grants=None, sentence="Erased{why}",
    ),
    "recording.objects_deleted": EventRules(
        closes=ClosesNothing("recording.erasing closed it, and the keys are gone"),
        replay="nothing", needs_permission=True, grants=None, sentence="Recording objects deleted{why}",
    ),
    "recording.tampered": EventRules(
        closes=_FINDING, replay="nothing", needs_permission=True, grants=None,
        sentence="Tampered: the stored data is not the sealed data{why}",
    ),
    "recording.missing": EventRules(
        closes=_FINDING, replay="nothing", needs_permission=True, grants=None,
        sentence="Requested while its audio was missing from the object store{why}",
    ),
    "recording.redacted": EventRules(
        closes=Closing(content="manifest", until="manifest", subject="recording_id",
                       when=lambda result: result != ON_ARRIVAL),
        replay="leaf", needs_permission=True, grants=None, sentence="Spans of the audio were removed{why}",
    ),
    "redaction.dismissed": EventRules(
        closes=ClosesNothing("the audio stays as it is"),
        replay="nothing", needs_permission=True, grants=None,
        sentence="A proposal to remove keyed digits was dismissed{why}",
    ),
    "call.erased": EventRules(
        closes=Closing(content="call", until="always", subject="subject"),
        replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "call.pending_erasure": EventRules(
        closes=Closing(content="call", until="always", subject="subject"),
        replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "recording.missed": EventRules(
        closes=ClosesNothing("it opens: the recording is fetched"),
        replay="nothing", needs_permission=True, grants=None,
        sentence="Found in the provider's list, without a webhook{why}",
    ),
    "source.deleted": EventRules(
        closes=_PROVIDER, replay="nothing", needs_permission=True, grants=None,
        sentence="The provider's copy was deleted{why}",
    ),
    "source.delete_failed": EventRules(
        closes=_PROVIDER, replay="nothing", needs_permission=True, grants=None,
        sentence="The provider's copy could not be deleted yet{why}",
    ),
    "source.kept": EventRules(
        closes=_PROVIDER, replay="nothing", needs_permission=True, grants=None,
        sentence="The provider's copy was kept{why}",
    ),
    "evidence.read": EventRules(
        closes=_READING, replay="nothing", needs_permission=True, grants=None, sentence="Evidence read{why}",
    ),
    "recording.paused": EventRules(
        closes=ClosesNothing("the platform paused, or did not; the refusal of the recording closes"),
        replay="nothing", needs_permission=True, grants=None, sentence="Recording paused{why}",
    ),
    "recording.resumed": EventRules(
        closes=ClosesNothing("the platform goes on, or does not; a pause closes nothing"),
        replay="nothing", needs_permission=True, grants=None, sentence="Recording goes on{why}",
    ),
    "recording.pending_erasure": EventRules(
        closes=Closing(content="none", until="leaf", subject="recording_id"),
        replay="leaf", needs_permission=True, grants=None,
        sentence="An erasure that a person asked for waits, because the recording must be kept{why}",
    ),
    # Its result is no reason: the moment when the contact ended.
    "recording.contact_ended": EventRules(
        closes=ClosesNothing("a retention period begins: without it, the recording is kept longer"),
        replay="leaf", needs_permission=True, grants=None,
        sentence="The contact that it belongs to was said to have ended",
    ),
    "recording.contact_end_withdrawn": EventRules(
        closes=Closing(content="none", until="leaf", subject="recording_id"),
        replay="leaf", needs_permission=True, grants=None,
        sentence="The end of the contact that it belongs to was taken back{why}",
    ),
    "details.read": EventRules(
        closes=_READING, replay="nothing", needs_permission=True, grants=None,
        sentence="Details opened in the console{why}",
    ),
    "note.made": EventRules(
        closes=_NOTE, replay="nothing", needs_permission=True, grants=None, sentence="A listener made a note{why}",
    ),
    "note.changed": EventRules(
        closes=_NOTE, replay="nothing", needs_permission=True, grants=None,
        sentence="A listener changed a note{why}",
    ),
    "note.deleted": EventRules(
        closes=_NOTE, replay="nothing", needs_permission=True, grants=None,
        sentence="A listener deleted a note{why}",
    ),
    "note.read": EventRules(
        closes=_READING, replay="nothing", needs_permission=True, grants=None,
        sentence="Notes of former listeners read{why}",
    ),
    "metadata.changed": EventRules(
        closes=ClosesNothing("what an account notes of a call changes no right"),
        replay="nothing", needs_permission=True, grants=None, sentence="Metadata changed{why}",
    ),
}  # fmt: skip

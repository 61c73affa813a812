"""The lifecycle of a recording as a table: every permitted change of its state, with its access event and effects.

``vault.services.lifecycle`` applies the table. The statements that change many rows at a time are made from it too.
"""

from dataclasses import dataclass
from typing import Final

from vault.domain.audit_log.event_types.table import EventType
from vault.domain.recordings.recording import GONE, IN_FLIGHT, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One permitted change of state, from any of ``sources`` to ``target``."""

    sources: frozenset[State]
    target: State
    #: Appended in the same transaction. None where the state is only progress of the work, or where the log that a
    #: restore reads already has the event.
    event: EventType | None = None
    #: Whether it deletes the keys, the sealed columns and the sealed evidence, which is irreversible.
    shreds: bool = False
    #: Whether the row no longer names its objects; then the caller or the sweep deletes them.
    drops_objects: bool = False
    #: Whether the manifest, or the tombstone in its place, is to be written; None: as before.
    manifest_due: bool | None = None


def _from(*sources: State) -> frozenset[State]:
    return frozenset(sources)


#: A worker, or the client of an upload, takes the row.
CLAIM: Final = Transition(
    sources=_from(State.RECEIVED, State.RETRY_WAIT, State.TRANSFERRING), target=State.TRANSFERRING
)
#: The sealed audio is in the object store.
STORE: Final = Transition(sources=_from(State.TRANSFERRING), target=State.STORED)
#: An attempt failed, or was interrupted; another follows.
RETRY: Final = Transition(sources=_from(State.TRANSFERRING, State.STORED), target=State.RETRY_WAIT)
#: The gate, or an admin's release, lets the recording be played.
ADMIT: Final = Transition(
    sources=_from(State.STORED, State.QUARANTINED), target=State.AVAILABLE,
    event="recording.available", manifest_due=True,
)  # fmt: skip
#: The gate lacks evidence.
QUARANTINE: Final = Transition(
    sources=_from(State.STORED), target=State.QUARANTINED, event="recording.quarantined"
)
#: The recording switch, a party, a rule or an admin forbids the recording.
REFUSE: Final = Transition(
    sources=frozenset(IN_FLIGHT), target=State.REFUSED,
    event="recording.refused", shreds=True, drops_objects=True, manifest_due=True,
)  # fmt: skip
#: No attempt can succeed. The row keeps the names of its objects, which the erasure needs.
FAIL: Final = Transition(
    sources=_from(State.TRANSFERRING, State.RETRY_WAIT, State.STORED), target=State.FAILED,
    event="recording.failed", shreds=True, manifest_due=True,
)  # fmt: skip
#: A failed recording is uploaded or announced again.
START_OVER: Final = Transition(
    sources=_from(State.FAILED), target=State.RECEIVED, event="recording.sent_again", manifest_due=False
)
#: Spans of the audio are removed: the row names a new object under a new key, and nothing opens the old one.
REDACT: Final = Transition(
    sources=_from(State.AVAILABLE), target=State.AVAILABLE, event="recording.redacted", manifest_due=True
)
#: Deletes the keys now; a worker deletes the objects, whose names the row keeps until then.
ERASE: Final = Transition(
    sources=frozenset(State) - set(GONE), target=State.ERASING,
    event="recording.erasing", shreds=True, manifest_due=False,
)  # fmt: skip
#: Every object is deleted.
FINISH_ERASURE: Final = Transition(
    sources=_from(State.ERASING), target=State.ERASED, event="recording.erased", manifest_due=True
)
TRANSITIONS: Final = (
    CLAIM, STORE, RETRY, ADMIT, QUARANTINE, REFUSE, FAIL, START_OVER, REDACT, ERASE, FINISH_ERASURE,
)  # fmt: skip

# A restore follows the object store and its log, which have the events.
#: The row has not passed the gate here, or failed and was sent again; the log says that it was refused.
RESTORE_REFUSAL: Final = Transition(
    sources=frozenset({State.FAILED, *IN_FLIGHT}), target=State.REFUSED,
    shreds=True, drops_objects=True, manifest_due=True,
)  # fmt: skip
#: The account key that sealed the row is destroyed.
RESTORE_FAILURE: Final = Transition(
    sources=frozenset(IN_FLIGHT),
    target=State.FAILED,
    shreds=True,
    drops_objects=True,
    manifest_due=True,
)
#: The object store has a tombstone of a recording that was erased; its objects are deleted again.
RESTORE_ERASURE: Final = Transition(
    sources=frozenset(State) - set(GONE), target=State.ERASING, shreds=True, manifest_due=False
)
#: The object store has a manifest of the row.
RESTORE_MANIFEST: Final = Transition(
    sources=frozenset({State.AVAILABLE, State.FAILED, *IN_FLIGHT}), target=State.AVAILABLE, manifest_due=False
)

#: The entries of the log after which a recording is shown otherwise than before.
CHANGES: Final[frozenset[EventType]] = frozenset(
    {one.event for one in TRANSITIONS if one.event is not None}
    | {"recording.restricted", "recording.unrestricted", "source.deleted", "metadata.changed"}
)
#: The states in which a row is created: announced or uploaded, or refused at its announcement.
ENTRIES: Final = (State.RECEIVED, State.REFUSED)
#: The targets that each state permits.
ARROWS: Final = {
    state: frozenset(transition.target for transition in TRANSITIONS if state in transition.sources)
    for state in State
}


def transition_between(source: State, target: State) -> Transition:
    """Return the transition from one state to another. Raises ValueError if there is none."""
    for transition in TRANSITIONS:
        if source in transition.sources and target is transition.target:
            return transition
    raise ValueError(f"There is no transition from {source} to {target}.")

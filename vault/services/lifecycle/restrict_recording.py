"""Restrict a recording, so that it is kept but cannot be played, or lift its restriction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from vault.database.interface import Database
from vault.database.stores.consent.consent import ConsentRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import Party, parties_against
from vault.domain.recordings.recording import GONE, Recording, requests_of
from vault.errors import Invalid, NotFound, RecordingErased, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.lifecycle.evidence_chain import SETTLED, EvidenceChain, append
from vault.services.shared.encrypted_fields import OpenedRecording, open_consents
from vault.services.shared.end_listening import log_restriction, restrict


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictRecording:
    """Restrict recordings and lift restrictions, with an event and an entry in the evidence for each."""

    database: Database
    chain: EvidenceChain
    clock: Clock

    async def __call__(
        self,
        account_id: str,
        recording_id: str,
        *,
        restricted: bool,
        reason: str | None,
        actor: str,
        request_id: str | None = None,
        told_at: datetime | None = None,
        informed: Collection[str] = (),
    ) -> None:
        """Restrict a recording or lift its restriction. Open playback sessions get no more audio of a restricted one.

        Setting the current value changes nothing, but another cause has an event of its own. ``request_id``: the
        request of a person that it is restricted for; such a restriction is lifted only after the person was told, at
        ``told_at`` (GDPR article 18(3)). ``informed``: the requests whose persons were informed; needed if there are
        several. The no of a party is taken back by a new consent of that party alone.

        Raises NotFound, RecordingErased, Refused while an erasure of it waits or the no of a party stands, and Invalid
        without ``told_at`` and ``informed`` where they are needed.
        """
        if told_at is not None and told_at > self.clock():
            raise Invalid("told_at must not be in the future: tell the person first.", field="told_at")
        while True:
            opened = await self.chain.of_recording(account_id, recording_id)
            said = None if restricted else await self._said(account_id, recording_id)
            change = partial(
                self._change, account_id=account_id, recording_id=recording_id, restricted=restricted,
                opened=opened, entry={"by": actor, "restricted": restricted, "reason": reason}, actor=actor,
                request_id=request_id, told_at=told_at, informed=informed, said=said,
            )  # fmt: skip
            if await self.database.write(change):
                return

    async def parties_against(self, account_id: str, recording_id: str) -> tuple[Party, ...]:
        """Return the parties of a recording's call whose no stands. Raises NotFound, RecordingErased, Tampered."""
        return (await self._said(account_id, recording_id)).against

    async def _said(self, account_id: str, recording_id: str) -> "_Said":
        """Read what the parties said: every no counts, also where the restriction is of a release before causes."""
        rows = await self.database.read(
            lambda tx: _consents(tx, account_id, existing(tx, account_id, recording_id))
        )
        events = await open_consents(self.chain.ring, rows)
        return _Said(events=frozenset(row.id for row in rows), against=parties_against(events))

    def _change(
        self,
        tx: Transaction,
        *,
        account_id: str,
        recording_id: str,
        restricted: bool,
        opened: OpenedRecording | None,
        entry: dict[str, object],
        actor: str,
        request_id: str | None,
        told_at: datetime | None,
        informed: Collection[str],
        said: "_Said | None",
    ) -> bool:
        tx.lock_account(account_id)
        tx.lock_call(account_id, existing(tx, account_id, recording_id).call_ref)
        # Read again under the lock, so that no erasure can run concurrently.
        recording = existing(tx, account_id, recording_id)
        if recording.state in SETTLED and opened is None:
            return False
        cause = request_id or "admin"
        changes = recording.restricted != restricted
        if restricted:
            changes |= tx.requests.note_restriction(recording_id, cause)
        elif said is None or not said.is_all(tx, recording):
            return False
        else:
            _end_causes(tx, recording, said, told_at, informed)
        if not changes:
            if restricted:
                tx.closing_acts.recall(account_id, "recording.restricted", recording_id)
            return True
        if recording.state in SETTLED and opened is not None:
            append(tx, opened, "restriction", entry, at=self.clock())
        if restricted:
            _restrict(tx, recording, actor, cause)
        else:
            _lift(tx, recording, actor)
        return True


def _restrict(tx: Transaction, recording: Recording, actor: str, cause: str) -> None:
    """Restrict it, or note another cause if it is restricted already, with the event."""
    if recording.restricted:
        log_restriction(tx, recording, at=tx.now(), actor=actor, result=cause)
    else:
        restrict(tx, recording, at=tx.now(), actor=actor, cause=cause)


def _lift(tx: Transaction, recording: Recording, actor: str) -> None:
    """Lift the restriction, with its event. Links that it ended stay so: who may hear again gets a new one."""
    tx.recordings.restrict(recording.id, restricted=False)
    tx.events.append(
        AccessEvent(
            type="recording.unrestricted",
            at=tx.now(),
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
        )
    )


def _consents(tx: Transaction, account_id: str, recording: Recording) -> Sequence[ConsentRow]:
    return tx.consents.of_call(account_id, recording.call_ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The consent events of a call that were read, and the parties whose no stands by them."""

    events: frozenset[str]
    against: tuple[Party, ...]

    def is_all(self, tx: Transaction, recording: Recording) -> bool:
        """Return whether the call has no other events. The caller holds its lock."""
        return self.events == {row.id for row in _consents(tx, recording.account_id, recording)}


def _forbid_parties(against: Sequence[Party]) -> None:
    """Raise Refused while a party's no stands."""
    if against:
        who = " and ".join(against)
        text = Sentence(
            "The %(who)s said no, so the recording stays restricted. Report a new consent of the %(them)s (accepted, "
            "given after the no), or erase the recording.",
            who=who,
            them=who,
        )
        raise Refused(text, reasons=("party_refused",))


def _forbid_pending(tx: Transaction, recording_id: str) -> None:
    """Raise Refused if a person asked for the erasure of a recording, and it waits: until then nobody may hear it."""
    if tx.pending_erasures.get(recording_id) is not None:
        text = "Its erasure waits for a hold, a minimum or an approval. Until then it stays restricted."
        raise Refused(text, reasons=("pending_erasure",))


def _end_causes(
    tx: Transaction, recording: Recording, said: _Said, told_at: datetime | None, informed: Collection[str]
) -> None:
    """Forget why a recording is restricted. Raises Refused, or Invalid, while a cause of it stands."""
    if recording.restricted:
        _forbid_pending(tx, recording.id)
        _forbid_parties(said.against)
    wanted = requests_of(tx.requests.restricts(recording.id))
    if not wanted:
        tx.requests.end_restriction(recording.id)
        return
    if told_at is None:
        which = f"request {wanted[0]}" if len(wanted) == 1 else f"requests {', '.join(wanted)}"
        text = f"told_at must say when each person was informed: the recording is restricted for the {which}."
        raise Invalid(text, field="told_at")
    # Without names, the only person was informed. Of several, the caller may know one alone.
    left = [one for one in wanted if one not in informed] if informed or len(wanted) > 1 else []
    if left:
        text = f"requests must name each request whose person was informed, and lacks {', '.join(left)}."
        raise Invalid(text, field="requests")
    tx.requests.end_restriction(recording.id)


def existing(tx: Transaction, account_id: str, recording_id: str) -> Recording:
    """Return a recording that is not erased. Raises NotFound, RecordingErased."""
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    return recording

"""Keeping what a party was told or answered, and doing at once what follows from it.

Under the account's shared lock and the call's: a gate that is passing right now has either committed
before, and its recording is dealt with here, or it sees the event. So once a no has been answered with
success, no recording of the call becomes available.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.consent.decision import Decision
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.consent_json import encode_event, event_json
from vault.errors import Refused
from vault.ports.clock import Clock
from vault.ports.consent_stores import ConsentRow
from vault.ports.database import Database, Transaction
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import seal
from vault.services.admission.case import Admission, CallContext
from vault.services.admission.evidence_chain import EvidenceChain, append, settled
from vault.services.admission.readmit import regate
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.retry_on_rotation import retry_if_rotated

#: Clocks of platforms differ from ours by so much at most.
TOLERANCE = timedelta(seconds=60)
_NO = frozenset({"declined", "withdrawn"})
#: Consent events of one call that are kept: as many that say no, and as many of all other answers.
MAX_EVENTS = 1000
#: What can only happen while the parties are connected.
_DURING = frozenset({"announcement", "tone", "key", "speech"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConsent:
    """Shared by the verbs that hear of consent."""

    database: Database
    ring: KeyRing
    admission: Admission
    chain: EvidenceChain
    clock: Clock

    async def __call__(self, account_id: str, call_ref: str, event: ConsentEvent) -> Decision:
        """Keep the event and return how the call's case stands now.

        Raises Refused for what cannot have happened: in the future, or outside the call that is known.
        """
        return await retry_if_rotated(
            self.ring, account_id, lambda key: self._keep(key, account_id, call_ref, event)
        )

    async def _keep(self, key: AccountKey, account_id: str, call_ref: str, event: ConsentEvent) -> Decision:
        context = bound.of_consent_event(account_id, event.id)
        row = ConsentRow(
            id=event.id,
            account_id=account_id,
            call_ref=call_ref,
            heard_at=event.heard_at,
            sealed_event=seal(key.key, context, encode_event(event)),
            key_version=key.version,
        )
        while True:
            opened = await self.chain.of_call(account_id, call_ref)
            # What a recording's announcement said of the call, its numbers above all, stands nowhere else.
            own = [one.details().facts for one in opened.values()]
            known = await self.admission.load_call(account_id, call_ref, *own)
            refuse_impossible(event, known)
            _refuse_one_too_many(event, known)
            tell = partial(self._tell, row=row, event=event, known=known, opened=opened)
            decision = await self.database.write(tell)
            if decision is not None:
                return decision

    def _tell(
        self,
        tx: Transaction,
        *,
        row: ConsentRow,
        event: ConsentEvent,
        known: CallContext,
        opened: Mapping[str, OpenedRecording],
    ) -> Decision | None:
        tx.lock_account(row.account_id)
        tx.lock_call(row.account_id, row.call_ref)
        through = settled(tx, row.account_id, row.call_ref, opened)
        if through is None or not self.admission.unchanged(tx, row.account_id, known):
            return None
        tx.consents.add(row)
        tx.events.append(_event(event, row.account_id))
        now_known = replace(known, events=(*known.events, event), consent_rows=known.consent_rows + 1)
        for recording in through:
            append(tx, opened[recording.id], "consent", {"event": event_json(event)}, at=event.heard_at)
        if event.answer in _NO:
            _refuse(tx, row, event)
            for recording in through:
                if recording.state is State.AVAILABLE:
                    _withdraw(tx, recording, event)
        else:
            for recording in through:
                if recording.state is State.QUARANTINED:
                    regate(tx, self.admission, opened[recording.id], now_known, actor=event.told_by)
        return self.admission.decide(tx, row.account_id, now_known, received_at=event.heard_at)


def refuse_impossible(event: ConsentEvent, known: CallContext) -> None:
    """Raise Refused for an event that cannot have happened as it is told."""
    claims = known.claims
    if event.at > event.heard_at + TOLERANCE:
        raise Refused("This lies in the future.", reasons=("in_the_future",))
    if event.method not in _DURING or event.answer == "withdrawn":
        return
    if claims.ends and event.at > max(claims.ends) + TOLERANCE:
        raise Refused("The call was over by then.", reasons=("after_the_call",))
    if claims.starts and event.at < min(claims.starts) - TOLERANCE:
        raise Refused("The call had not begun by then.", reasons=("before_the_call",))


def _refuse_one_too_many(event: ConsentEvent, known: CallContext) -> None:
    """Raise Refused where the call has its events. What says no is counted by itself, so nothing crowds it out."""
    alike = sum((one.answer in _NO) == (event.answer in _NO) for one in known.events)
    if alike >= MAX_EVENTS:
        text = (
            f"This call has {MAX_EVENTS} consent events of this kind, and this one is not kept. Send what belongs to "
            "another call under that call's name; to refuse recordings of a person, put the number on the objections."
        )
        raise Refused(text, reasons=("too_many_events",))


def _refuse(tx: Transaction, row: ConsentRow, event: ConsentEvent) -> None:
    """Refuse what is on its way, and what waits in quarantine."""
    reason = Reason(code=event.answer, text=f"The {event.party} {event.answer}.", source="consent")
    for recording_id in tx.queue.refuse_in_flight(row.account_id, reason, call_ref=row.call_ref):
        tx.events.append(
            AccessEvent(
                type="recording.refused",
                at=event.heard_at,
                account_id=row.account_id,
                actor=event.told_by,
                recording_id=recording_id,
                result=event.answer,
            )
        )


def _withdraw(tx: Transaction, recording: Recording, event: ConsentEvent) -> None:
    """Do with an available recording what the account's policy says."""
    erase = tx.policies.current(recording.account_id).withdrawal == "erase"
    if erase:
        tx.queue.begin_erasing(recording.account_id, recording.id)
    else:
        tx.recordings.restrict(recording.id, restricted=True)
    tx.events.append(
        AccessEvent(
            type="recording.erasing" if erase else "recording.restricted",
            at=event.heard_at,
            account_id=recording.account_id,
            actor=event.told_by,
            recording_id=recording.id,
            result=event.answer,
        )
    )


def _event(event: ConsentEvent, account_id: str) -> AccessEvent:
    return AccessEvent(
        type="consent.told",
        at=event.heard_at,
        account_id=account_id,
        actor=event.told_by,
        result=f"{event.party}_{event.answer}",
        subject=event.id,
    )

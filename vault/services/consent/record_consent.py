"""Store consent events (notices played to a party, a party's answers), and apply them to the call's recordings.

This happens under the account's shared lock and the call's lock: a concurrent gate has either committed before,
and its recording is handled here, or it sees the event. So once the request that reports a no has succeeded, no
recording of the call becomes available.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from vault.database.interface import Database
from vault.database.stores.consent.consent import ConsentRow
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import NO, ConsentEvent, Party, parties_against
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_event, encode_event_fields
from vault.errors import AccountClosed, Refused
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey, KeyRing
from vault.sealing.message import seal
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.gate import decide_again
from vault.services.approvals.ask_erasure import ask_to_erase, waiting_erasures
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.erase_call import await_erasure
from vault.services.lifecycle.evidence_chain import EvidenceChain, append_to_each, settled
from vault.services.lifecycle.guards import judge_now
from vault.services.lifecycle.set_switch import refuse_in_flight
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.end_listening import restrict
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_if_rotated

#: Max clock skew between a platform and the vault.
TOLERANCE = timedelta(seconds=60)
#: Max consent events of one call; events that say no and all other events are counted separately.
MAX_EVENTS = 1000
#: Methods that are possible only during the call.
_DURING = frozenset({"announcement", "tone", "key", "speech"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConsent:
    """Store consent events, from REST and from call documents."""

    database: Database
    ring: KeyRing
    admission: Admission
    call_opener: CallOpener
    chain: EvidenceChain
    clock: Clock

    async def __call__(self, account_id: str, call_ref: str, event: ConsentEvent) -> Decision:
        """Store the event and return the current decision on the call.

        Raises AccountClosed, and Refused for an event in the future or outside the known time of the call.
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
            # The facts in a recording's announcement, above all its numbers, are stored nowhere else.
            own = [recording.details().facts async for recording in paced(opened.values())]
            known = await self.call_opener.load_call(account_id, call_ref, *own)
            refuse_impossible(event, known)
            _check_event_count(event, known)
            store = partial(self._store, row=row, event=event, known=known, opened=opened)
            decision = await self.database.write(store)
            if decision is not None:
                if event.answer in NO:
                    await self._ask_to_erase(account_id, call_ref)
                return decision

    async def _ask_to_erase(self, account_id: str, call_ref: str) -> None:
        """Ask for the approval of erasures that wait for one. The retention sweep asks too, after a crash here."""
        waiting = await self.database.read(lambda tx: waiting_erasures(tx, account_id, call_ref))
        for pending in waiting:
            await self.database.write(lambda tx, pending=pending: ask_to_erase(tx, pending))  # type: ignore[misc]

    def _store(
        self,
        tx: Transaction,
        *,
        row: ConsentRow,
        event: ConsentEvent,
        known: CallContext,
        opened: Mapping[str, OpenedRecording],
    ) -> Decision | None:
        tx.lock_account_and_call(row.account_id, row.call_ref)
        _forbid_closed(tx, row, event)
        through = settled(tx, row.account_id, row.call_ref, opened)
        if through is None or not self.admission.unchanged(tx, row.account_id, known):
            return None
        tx.consents.add(row)
        tx.events.append(_event(event, row.account_id))
        if event.notice is not None and any(one.state is State.AVAILABLE for one in through):
            # The notice may promise a shorter period than its recordings were computed with.
            tx.retention.call_changed(row.account_id, row.call_ref)
        now_known = replace(known, events=(*known.events, event), consent_rows=known.consent_rows + 1)
        chains, entry = [opened[recording.id] for recording in through], {"event": encode_event_fields(event)}
        append_to_each(tx, chains, "consent", entry, at=event.heard_at)
        if event.answer in NO:
            _refuse(tx, row, event)
            for recording in through:
                if recording.state is State.AVAILABLE:
                    _withdraw(tx, recording, event, known.claims.outside)
        else:
            for recording in through:
                if recording.state is State.QUARANTINED:
                    decide_again(tx, self.admission, opened[recording.id], now_known, actor=event.told_by)
        return self.admission.decide(tx, row.account_id, now_known, received_at=event.heard_at)


def _forbid_closed(tx: Transaction, row: ConsentRow, event: ConsentEvent) -> None:
    """Raise AccountClosed where nothing more is stored: a no still is, for a recording that is kept meanwhile."""
    if not tx.closures.has_begun(row.account_id):
        return
    if event.answer not in NO or all(
        one.state in GONE for one in tx.recordings.of_call(row.account_id, row.call_ref)
    ):
        raise AccountClosed


def refuse_impossible(event: ConsentEvent, known: CallContext) -> None:
    """Raise Refused for an event whose time contradicts the clock or the call's known times.

    A no is never impossible: clocks differ, and a call goes on after its first leg has ended.
    """
    if event.answer in NO:
        return
    claims = known.claims
    if event.at > event.heard_at + TOLERANCE:
        raise Refused("at must not be in the future.", reasons=("in_the_future",))
    if event.method not in _DURING:
        return
    if claims.ends and event.at > max(claims.ends) + TOLERANCE:
        raise Refused("at must not be after the end of the call.", reasons=("after_the_call",))
    if claims.starts and event.at < min(claims.starts) - TOLERANCE:
        raise Refused("at must not be before the start of the call.", reasons=("before_the_call",))


def _check_event_count(event: ConsentEvent, known: CallContext) -> None:
    """Raise Refused if the call has the max number of events. A no has its own limit, so others cannot exhaust it."""
    if event.answer in NO and (
        event.party not in parties_against(known.events)
        or all(
            (other.party, other.answer) != (event.party, event.answer)
            or (event.objects and not other.objects)
            for other in known.events
        )
    ):
        # What others said must not stand for this party's no, nor what this party has taken back; nor is a no that
        # objects another one that does not.
        return
    alike = sum((other.answer in NO) == (event.answer in NO) for other in known.events)
    if alike >= MAX_EVENTS:
        text = (
            f"This call already has {MAX_EVENTS} consent events of this kind, the maximum, so this one is not stored. "
            "Send events of another call under that call's name; to refuse recordings of a person, add the number to "
            "the objections."
        )
        raise Refused(text, reasons=("too_many_events",))


def _refuse(tx: Transaction, row: ConsentRow, event: ConsentEvent) -> None:
    """Refuse the call's recordings that are in progress or in quarantine."""
    reason = Reason(code=event.answer, text=f"The {event.party} {event.answer}.", source="consent")
    refuse_in_flight(
        tx, row.account_id, reason, at=event.heard_at, actor=event.told_by, call_ref=row.call_ref
    )


def _withdraw(tx: Transaction, recording: Recording, event: ConsentEvent, outside: frozenset[Party]) -> None:
    """Erase or restrict an available recording, as the account's policy requires.

    What a hold or a legal minimum keeps is restricted immediately, and erased when the last of them ends. So is what a
    second person must approve. The no of the account's own side restricts.
    """
    account_id = recording.account_id
    tx.requests.note_restriction(recording.id, event.party)
    erases = tx.policies.current(account_id).withdrawal == "erase" and event.party in outside
    free = not tx.approval_rules.get(account_id).gates("recording_erasure")
    if erases and free and judge_now(tx, recording, "withdrawal", checked_now(tx)).outcome == "due":
        lifecycle.erase(
            tx, account_id, recording.id, actor=event.told_by, at=event.heard_at, result=event.answer,
            wish="withdrawal",
        )  # fmt: skip
        return
    if erases:
        await_erasure(tx, recording, cause="withdrawal", actor=event.told_by, at=event.heard_at)
    restrict(tx, recording, at=event.heard_at, actor=event.told_by, cause=event.party, result=event.answer)


def _event(event: ConsentEvent, account_id: str) -> AccessEvent:
    return AccessEvent(
        type="consent.told",
        at=event.heard_at,
        account_id=account_id,
        actor=event.told_by,
        result=f"{event.party}_{event.answer}",
        subject=event.id,
    )

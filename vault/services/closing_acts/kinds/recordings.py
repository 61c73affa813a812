"""Closing acts of recordings and calls: erasures, refusals, restrictions, and what a party or its number says."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from vault.database.stores.consent.consent import ConsentRow
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, Recording, State, causes_in
from vault.domain.stored.account_json import StoredObjection
from vault.domain.stored.closing_content import (
    CALL,
    MANIFEST,
    OBJECTION,
    RECORDING,
    TOLD,
    ConsentRefusal,
    ErasedCall,
)
from vault.domain.stored.manifest import Manifest
from vault.errors import NotFound
from vault.services.closing_acts.kinds.kind import (
    AnyClosingKind,
    ClosingKind,
    restored_account,
    without_content,
    written,
)
from vault.services.lifecycle.lifecycle import reapply_erasure
from vault.services.lifecycle.restore_states import (
    close_successors,
    restore_contact_end,
    restore_pending_call,
    restore_pending_erasure,
    restore_redaction,
    restore_tombstone,
)
from vault.services.lifecycle.set_switch import refuse_in_flight
from vault.services.shared.end_listening import restrict_again


def _read_recording(tx: Transaction, event: AccessEvent) -> Recording:
    return written(tx.recordings.by_id(event.recording_id or ""), "a recording")


def _erase(tx: Transaction, event: AccessEvent, recording: Recording) -> None:
    row = tx.recordings.by_id(recording.id)
    if row is None:
        # The tombstone blocks retries from its source; ERASING makes the worker delete its remains.
        _bury(tx, replace(recording, state=State.ERASING), at=event.at)
    elif row.state not in GONE:
        reapply_erasure(tx, row)


def _refuse(tx: Transaction, event: AccessEvent, recording: Recording) -> None:
    _bury(tx, replace(recording, state=State.REFUSED), at=event.at, due=True)


def _bury(tx: Transaction, tombstone: Recording, *, at: datetime, due: bool = False) -> None:
    if restore_tombstone(tx, tombstone, due=due):
        close_successors(tx, tombstone, at=at)


def _read_manifest(tx: Transaction, event: AccessEvent) -> Manifest:
    recording = _read_recording(tx, event)
    chain = tx.evidence.of_recording(recording.id)
    return Manifest(
        recording=recording,
        keys=written(tx.recordings.keys(recording.id), "a recording's keys"),
        chain=tuple((row.digest, row.sealed_entry) for row in chain),
        metadata=tuple(tx.call_metadata.of_calls(recording.account_id, [recording.call_ref], [recording.id])),
    )


def _redact(tx: Transaction, event: AccessEvent, manifest: Manifest) -> None:
    if restored_account(tx, event) is not None:
        restore_redaction(tx, manifest, event.evidence or "")


def _living(tx: Transaction, event: AccessEvent) -> Recording | None:
    row = tx.recordings.by_id(event.recording_id or "")
    return None if row is None or row.state in GONE else row


def _restrict(tx: Transaction, event: AccessEvent) -> None:
    row = _living(tx, event)
    if row is not None:
        restrict_again(tx, row, actor=event.actor, causes=causes_in([event.result]))


def _await_erasure(tx: Transaction, event: AccessEvent) -> None:
    row = _living(tx, event)
    if row is not None:
        restore_pending_erasure(tx, row, cause=event.result or "request", actor=event.actor, at=event.at)
        _restrict(tx, event)


def _continue_contact(tx: Transaction, event: AccessEvent) -> None:
    row = _living(tx, event)
    if row is not None:
        restore_contact_end(tx, row, ended_at=None, actor=event.actor, at=event.at)


def _read_call(_tx: Transaction, event: AccessEvent) -> ErasedCall:
    return ErasedCall(call_ref=event.subject or "")


def _forget_call(tx: Transaction, event: AccessEvent, call: ErasedCall) -> None:
    account_id = event.account_id or ""
    tx.lock_call(account_id, call.call_ref)
    # What was erased stays so, whatever has been held since.
    tx.call_facts.forget_call(account_id, call.call_ref, held=())


def _await_call_erasure(tx: Transaction, event: AccessEvent, call: ErasedCall) -> None:
    account_id = event.account_id or ""
    tx.lock_call(account_id, call.call_ref)
    if tx.call_facts.of_call(account_id, call.call_ref):
        restore_pending_call(tx, account_id, call.call_ref, actor=event.actor, at=event.at)


def _read_objection(tx: Transaction, event: AccessEvent) -> StoredObjection:
    row = tx.objections.by_id(event.subject or "")
    return StoredObjection(
        id=row.id,
        term=row.term,
        sealed_number=row.sealed_number,
        key_version=row.key_version,
        objection=row.objection,
    )


def _object(tx: Transaction, event: AccessEvent, stored: StoredObjection) -> None:
    account_id = restored_account(tx, event)
    if account_id is None:
        return
    if all(row.id != stored.id for row in tx.objections.of_terms(account_id, [stored.term])):
        tx.objections.restore(
            ObjectionRow(
                id=stored.id,
                account_id=account_id,
                term=stored.term,
                sealed_number=stored.sealed_number,
                key_version=stored.key_version,
                objection=stored.objection,
            )
        )


def _read_refusal(tx: Transaction, event: AccessEvent) -> ConsentRefusal:
    return written(tx.consents.refusal(event.subject), "a party's refusal")


def _refuse_consent(tx: Transaction, event: AccessEvent, refusal: ConsentRefusal) -> None:
    account_id = event.account_id or ""
    tx.lock_call(account_id, refusal.call_ref)
    known = [row for row in tx.consents.of_call(account_id, refusal.call_ref) if row.id == refusal.id]
    if known and (
        known[0].key_version >= refusal.key_version or not _has_key(tx, account_id, refusal.key_version)
    ):
        return
    tx.consents.restore(
        ConsentRow(
            id=refusal.id,
            account_id=account_id,
            call_ref=refusal.call_ref,
            heard_at=refusal.heard_at,
            sealed_event=refusal.sealed_event,
            key_version=refusal.key_version,
        )
    )
    if known:
        return  # Only re-encrypted: the older version of the key is destroyed, or will be.
    party, _, answer = (event.result or "").rpartition("_")
    reason = Reason(code=answer, text=f"The {party} {answer}.", source="consent")
    refuse_in_flight(tx, account_id, reason, at=tx.now(), actor=event.actor, call_ref=refusal.call_ref)


def _has_key(tx: Transaction, account_id: str, version: int) -> bool:
    try:
        tx.accounts.wrapped_key(account_id, version)
    except NotFound:
        return False
    return True


RECORDINGS: Final[Mapping[EventType, AnyClosingKind]] = {
    "recording.erasing": ClosingKind(content=RECORDING, read=_read_recording, apply=_erase),
    "recording.refused": ClosingKind(content=RECORDING, read=_read_recording, apply=_refuse),
    "recording.redacted": ClosingKind(content=MANIFEST, read=_read_manifest, apply=_redact),
    "recording.restricted": without_content(_restrict),
    "recording.pending_erasure": without_content(_await_erasure),
    "recording.contact_end_withdrawn": without_content(_continue_contact),
    "call.erased": ClosingKind(content=CALL, read=_read_call, apply=_forget_call),
    "call.pending_erasure": ClosingKind(content=CALL, read=_read_call, apply=_await_call_erasure),
    "objection.entered": ClosingKind(content=OBJECTION, read=_read_objection, apply=_object),
    "consent.told": ClosingKind(content=TOLD, read=_read_refusal, apply=_refuse_consent),
}

"""Load the call of a recording and decide on it before the fetch, without a lock: the gate decides for good."""

from dataclasses import replace

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.calls.regions import regions_of
from vault.domain.recordings.recording import Recording
from vault.services.admission.admission import Admission, CallContext, DecisionState
from vault.services.admission.call_rows import CallRows


async def load_and_decide(
    database: Database, admission: Admission, recording: Recording, own: CallFacts
) -> tuple[CallContext, Decision]:
    """Return the call with the recording's ``own`` facts, and the decision, from one snapshot.

    Objections are read afterwards, by the call's numbers, if it has any. Raises NotFound, Unavailable.
    """
    account_id = recording.account_id
    rows, state = await database.read(lambda tx: _read(tx, recording))
    known = await admission.open(account_id, recording.call_ref, rows, own)
    if known.numbers:
        found = await database.read(lambda tx: tx.objections.of_terms(account_id, known.numbers))
        state = replace(state, objections=tuple(row.objection for row in found))
    decision = admission.decide_by(
        state, known, received_at=recording.received_at, epoch_at_receipt=recording.epoch
    )
    return known, decision


def _read(tx: Transaction, recording: Recording) -> tuple[CallRows, DecisionState]:
    account_id, call_ref = recording.account_id, recording.call_ref
    account, switch = tx.accounts.with_switch(account_id)
    policy = tx.policies.current(account_id)
    history = tx.accounts.switch_history(account_id) if switch.was_off else ()
    rows = CallRows(
        facts=tx.call_facts.of_call(account_id, call_ref),
        consents=tx.consents.of_call(account_id, call_ref),
        regions=regions_of(account.locale, [policy.home_place]),
    )
    return rows, DecisionState(switch=switch, policy=policy, history=history)

"""Load the call of a recording and decide on it before the fetch, without a lock; the gate decides finally."""

from dataclasses import replace

from vault.database.interface import Database
from vault.database.stores.calls.call_state import CALL, read_call
from vault.database.stores.consent.objections import objections_of, objections_query
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.calls.number_reader import regions_of
from vault.domain.recordings.recording import Recording
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext, DecisionState
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows


async def load_and_decide(
    database: Database, call_opener: CallOpener, admission: Admission, recording: Recording, own: CallFacts
) -> tuple[CallContext, Decision]:
    """Return the call with the recording's ``own`` facts, and the decision, from one snapshot.

    Objections are read afterwards, by the call's numbers, if it has any. Raises NotFound, Unavailable.
    """
    account_id = recording.account_id
    rows, state = await _load(database, recording)
    known = await call_opener.open(account_id, recording.call_ref, rows, own)
    if known.claims.numbers:
        query, terms = objections_query(known.numbers)
        named = {"account_id": account_id, "call_ref": recording.call_ref, **terms}
        found = objections_of(await database.fetch(query, **named))
        state = replace(state, objections=tuple(row.objection for row in found))
    decision = admission.decide_by(
        state, known, received_at=recording.received_at, epoch_at_receipt=recording.epoch
    )
    return known, decision


async def _load(database: Database, recording: Recording) -> tuple[CallRows, DecisionState]:
    account_id, call_ref = recording.account_id, recording.call_ref
    found = read_call(await database.fetch(CALL, account_id=account_id, call_ref=call_ref))
    if found.consents or found.switch.was_off:
        # Few calls have more rows to be read, and all of them must be of one snapshot.
        return await database.read(lambda tx: _read(tx, recording))
    regions = regions_of(found.locale, [found.policy.home_place])
    rows = CallRows(facts=found.facts, consents=(), regions=regions)
    return rows, DecisionState(switch=found.switch, policy=found.policy)


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

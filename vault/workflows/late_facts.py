"""What is said of a call after its recording came in must still make the recording findable."""

from collections.abc import Sequence

from vault.domain.recording import State
from vault.ports.database import Transaction
from vault.ports.stores import CallFactRow


def add_facts(tx: Transaction, row: CallFactRow, terms: Sequence[bytes]) -> bool:
    """Keep what was said, and index the call's available recordings by it; False if it was said before.

    A recording that is still on its way is indexed at the gate, which sees this row.
    """
    if not tx.call_facts.add(row):
        return False
    for recording in tx.recordings.of_call(row.account_id, row.call_ref):
        if recording.state is State.AVAILABLE:
            tx.recordings.index(row.account_id, recording.id, terms)
    return True

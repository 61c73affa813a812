"""End an integration: nothing is handed over by it any more."""

from dataclasses import replace

from vault.database.transaction import Transaction
from vault.domain.handover.integration import StoredIntegration


def end_integration(tx: Transaction, integration: StoredIntegration, *, removes: bool) -> StoredIntegration:
    """End it, or let everything be removed before that it has handed over; return it as it is then.

    The caller holds the account's exclusive lock, and appends the event.
    """
    now = tx.now()
    ended = replace(integration, state="removing" if removes else "ended", changed_at=now, set_up_at=now)
    tx.integrations.put(ended)
    return ended

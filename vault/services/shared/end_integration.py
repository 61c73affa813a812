"""End an integration: nothing is handed over by it any more."""

from dataclasses import replace

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.handover.integration import StoredIntegration


def end_integration(
    tx: Transaction, integration: StoredIntegration, *, removes: bool, grant: str = ""
) -> StoredIntegration:
    """End it and delete its credentials, or let everything be removed before that it has handed over.

    ``grant`` is what stays sealed of it until a worker has let the system revoke it, or found nothing to revoke. Return
    it as it is then. The caller holds the account's exclusive lock, and appends the event.
    """
    now = tx.now()
    ended = replace(integration, state="removing" if removes else "ended", changed_at=now, set_up_at=now)
    tx.integrations.put(ended if removes else replace(ended, sealed=grant))
    return ended


def log_integration(
    tx: Transaction, type_: EventType, integration: StoredIntegration, actor: str, *, more: str = ""
) -> None:
    """Append what was done with an integration to the log."""
    result = "/".join([integration.id, *([more] if more else [])])
    tx.events.append(
        AccessEvent(type=type_, at=tx.now(), account_id=integration.account_id, actor=actor, result=result)
    )


def log_end(tx: Transaction, integration: StoredIntegration, *, actor: str) -> None:
    """Append to the log that an integration has ended, or is being ended."""
    is_removing = integration.state == "removing"
    log_integration(tx, "integration.removing" if is_removing else "integration.ended", integration, actor)


def end_integrations(tx: Transaction, account_id: str, *, actor: str) -> None:
    """Let everything be removed that the integrations of an account have handed over, which is being closed."""
    for one in tx.integrations.of_account(account_id):
        if one.state in {"active", "paused"}:
            log_end(tx, end_integration(tx, one, removes=True), actor=actor)

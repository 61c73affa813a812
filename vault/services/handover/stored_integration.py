"""What the services of hand-over share: integrations and hand-overs are found, sealed, opened, and named in the log."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.crm.exchange import CrmAccess, OAuthClient
from vault.domain.crm.handover import RemoteIds, Target
from vault.domain.handover.handover import StoredHandover
from vault.domain.handover.integration import IntegrationSecrets, StoredGrant, StoredIntegration
from vault.errors import NotFound
from vault.ports.crm import CrmSystem
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.services.handover.budgets import KnownBudget
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.end_integration import log_integration

#: The name of a system's static key among the credentials; every other one is a setting of it.
KEY: Final = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedIntegration:
    """An integration with its system and its credentials."""

    stored: StoredIntegration
    system: CrmSystem
    secrets: IntegrationSecrets = field(repr=False)
    #: What this turn knows of the system's budget.
    budget: KnownBudget = field(default_factory=KnownBudget, compare=False)

    @property
    def access(self) -> CrmAccess:
        """Return the adapter's access to the system."""
        return access_of(self.secrets)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContact:
    """A contact with the number of a call, among which a person decides."""

    kind: str
    id: str
    name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverSecrets:
    """What is sealed of a hand-over."""

    target: Target | None = field(default=None, repr=False)
    remote: RemoteIds | None = field(default=None, repr=False)
    candidates: tuple[KnownContact, ...] = ()


def find_integration(tx: Transaction, account_id: str, integration_id: str) -> StoredIntegration:
    """Return an integration of an account. Raises NotFound."""
    stored = tx.integrations.get(account_id, integration_id)
    if stored is None:
        raise NotFound("There is no such integration.")
    return stored


def log_handover(
    tx: Transaction, type_: EventType, handover: StoredHandover, *, actor: str = "worker", more: str = ""
) -> None:
    """Append what was done with a hand-over to the log: the result names integration and hand-over."""
    names = [handover.integration_id, handover.id, *([more] if more else [])]
    tx.events.append(
        AccessEvent(
            type=type_,
            at=tx.now(),
            account_id=handover.account_id,
            actor=actor,
            recording_id=handover.recording_id,
            result="/".join(names),
        )
    )


async def seal_integration(data_keys: AccountDataKeys, account_id: str, secrets: IntegrationSecrets) -> str:
    """Return what is sealed of an integration. Raises Unavailable."""
    said: dict[str, Any] = {"credentials": dict(secrets.credentials), "description": secrets.description}
    if secrets.client is not None:
        said["client"] = asdict(secrets.client)
    if (grant := secrets.grant) is not None:
        end = None if grant.expires_at is None else write_rfc3339(grant.expires_at)
        said["grant"] = {**asdict(grant), "expires_at": end}
    return await data_keys.seal_words(account_id, "integration", json.dumps(said)) or ""


async def open_integration(data_keys: AccountDataKeys, stored: StoredIntegration) -> IntegrationSecrets:
    """Return what is sealed of an integration. Raises Tampered, Unavailable."""
    text = await data_keys.open_words(stored.account_id, "integration", stored.sealed)
    said: dict[str, Any] = json.loads(text or "{}")
    client, grant = said.pop("client", None), said.pop("grant", None)
    if grant is not None:
        end = grant["expires_at"]
        grant = StoredGrant(**{**grant, "expires_at": None if end is None else parse_rfc3339(end)})
    return IntegrationSecrets(**said, client=None if client is None else OAuthClient(**client), grant=grant)


def access_of(secrets: IntegrationSecrets) -> CrmAccess:
    """Return an adapter's access to its system."""
    settings = {name: value for name, value in secrets.credentials.items() if name != KEY}
    if (grant := secrets.grant) is not None:
        return CrmAccess(settings={**settings, **grant.settings}, by="oauth", token=grant.access_token)
    return CrmAccess(settings=settings, by="key", token=secrets.credentials.get(KEY, ""))


def lose_authorization(integration: StoredIntegration) -> Callable[[Transaction], None]:
    """Return what notes that the system refuses the credentials, and says so once."""

    def note(tx: Transaction) -> None:
        tx.lock_account(integration.account_id, exclusive=True)
        stored = tx.integrations.get(integration.account_id, integration.id)
        if stored is None or stored.sealed != integration.sealed or stored.unauthorized_since is not None:
            # Others were set meanwhile, or it is known.
            return
        now = tx.now()
        tx.integrations.put(replace(stored, unauthorized_since=now, set_up_at=now))
        tx.integrations.refresh(stored.id, None)
        log_integration(tx, "integration.needs_authorization", stored, "worker")

    return note


async def seal_handover(data_keys: AccountDataKeys, account_id: str, secrets: HandoverSecrets) -> str:
    """Return what is sealed of a hand-over. Raises Unavailable."""
    target = secrets.target
    said: dict[str, Any] = {
        "target": None if target is None else {"kind": target.kind, "id": target.id, "parent": target.parent},
        "remote": None if secrets.remote is None else dict(secrets.remote),
        "candidates": [asdict(one) for one in secrets.candidates],
    }
    return await data_keys.seal_words(account_id, "handover", json.dumps(said)) or ""


async def open_handover(data_keys: AccountDataKeys, stored: StoredHandover) -> HandoverSecrets:
    """Return what is sealed of a hand-over. Raises Tampered, Unavailable."""
    text = await data_keys.open_words(stored.account_id, "handover", stored.sealed)
    said: Mapping[str, Any] = json.loads(text or "{}")
    target = said.get("target")
    return HandoverSecrets(
        target=None if target is None else Target(**target),
        remote=said.get("remote"),
        candidates=tuple(KnownContact(**one) for one in said.get("candidates", ())),
    )

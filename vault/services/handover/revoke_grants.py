"""Let systems revoke the grants of integrations that have ended; until then, and for a day at most, they are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.crm.exchange import CrmRequest
from vault.domain.handover.integration import IntegrationSecrets, StoredIntegration
from vault.errors import FetchFailed, Tampered, Unavailable
from vault.ports.clock import Clock
from vault.ports.crm import CrmSystem
from vault.ports.outside import Outside
from vault.services.handover.stored_integration import access_of, open_integration, seal_integration
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.end_integration import log_integration
from vault.services.shared.job import IntervalJob, Job
from vault.services.shared.paced import paced

#: How often a revocation is tried, and for how long.
_EACH: Final = timedelta(minutes=10)
_TRIED_FOR: Final = timedelta(days=1)
_BATCH: Final = 100
_SUCCESS: Final = range(200, 300)
_FINAL: Final = range(400, 500)
_LATER: Final = frozenset({408, 425, 429})
#: ``refused``: mostly because it was not valid any more. ``unanswered``: given up. ``nothing``: there is none.
_Outcome = Literal["revoked", "refused", "unanswered", "nothing"]


async def kept_grant(
    data_keys: AccountDataKeys, systems: Mapping[str, CrmSystem], stored: StoredIntegration
) -> str:
    """Return what stays sealed of an integration that ends: what its system can revoke. Nothing else is kept."""
    try:
        secrets = await open_integration(data_keys, stored)
        if _revocation(systems, stored, secrets) is None:
            return ""
        return await seal_integration(data_keys, stored.account_id, replace(secrets, description=""))
    except Tampered:
        return ""
    except Unavailable:
        # It ends all the same. Nobody can open it now, and the revocation deletes it.
        return stored.sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeGrants:
    """Revoke them."""

    database: Database
    data_keys: AccountDataKeys
    systems: Mapping[str, CrmSystem]
    outside: Outside
    clock: Clock

    def jobs(self) -> Sequence[Job]:
        """Return the revocation."""
        return [IntervalJob(name="revoke_grants", run=self.run, every=_EACH, needs_objects=False)]

    async def run(self) -> None:
        """Try each once; one that nobody revoked for a day is deleted, and the log says so."""
        after = ""
        while found := await self.database.read(lambda tx: tx.integrations.revoking(after, _BATCH)):  # noqa: B023 - awaited here
            async for stored in paced(found):
                outcome = await self._outcome(stored)
                if outcome is None and self.clock() >= stored.changed_at + _TRIED_FOR:
                    outcome = "unanswered"
                if outcome is not None:
                    await self.database.write(_forget(stored, outcome))
            after = found[-1].id

    async def _outcome(self, stored: StoredIntegration) -> _Outcome | None:
        """Ask the system; None: it gives no answer now."""
        try:
            secrets = await open_integration(self.data_keys, stored)
            request = _revocation(self.systems, stored, secrets)
            if request is None:
                return "nothing"
            answer = await self.outside.request(
                request.method, request.url, request.headers, request.body, request.hosts
            )
        except Tampered:
            return "nothing"
        except (FetchFailed, Unavailable):
            return None
        if answer.status in _SUCCESS:
            return "revoked"
        return "refused" if answer.status in _FINAL and answer.status not in _LATER else None


def _revocation(
    systems: Mapping[str, CrmSystem], stored: StoredIntegration, secrets: IntegrationSecrets
) -> CrmRequest | None:
    """Return the request that revokes the grant; None if there is none, or the system has no such request."""
    system, grant, client = systems.get(stored.system), secrets.grant, secrets.client
    if system is None or system.oauth is None or grant is None or client is None:
        return None
    token = grant.refresh_token or grant.access_token
    return system.oauth.revoke_request(access_of(secrets).settings, client, token)


def _forget(before: StoredIntegration, outcome: _Outcome) -> Callable[[Transaction], None]:
    def forget(tx: Transaction) -> None:
        tx.lock_account(before.account_id, exclusive=True)
        if tx.integrations.get(before.account_id, before.id) != before:
            return
        tx.integrations.put(replace(before, sealed=""))
        if outcome != "nothing":
            log_integration(tx, "integration.revoked", before, "worker", more=outcome)

    return forget

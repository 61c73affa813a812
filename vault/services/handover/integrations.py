"""The integrations of an account: activate, show, change, pause and end them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.handover.integration import (
    MAX_EVER,
    MAX_INTEGRATIONS,
    HandoverPolicy,
    IntegrationSecrets,
    StoredIntegration,
    destinations_of,
)
from vault.domain.ids import new_id
from vault.domain.outbox.health import Health
from vault.domain.registers.entries import Recipient
from vault.errors import Invalid, Refused
from vault.ports.clock import Clock
from vault.ports.crm import CrmSystem
from vault.services.handover.credentials import IntegrationChange, changed_secrets
from vault.services.handover.recipient import Vendor, end_vendor, enter_vendor, recipient_of
from vault.services.handover.revoke_grants import kept_grant
from vault.services.handover.stored_integration import (
    access_of,
    find_integration,
    open_integration,
    seal_integration,
)
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.end_integration import end_integration, log_end, log_integration
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationView:
    """An integration as its account sees it: without its key."""

    integration: StoredIntegration
    secrets: IntegrationSecrets = field(repr=False)
    #: How writes and removals go.
    writes: Health
    removals: Health
    #: Numbers of hand-overs by their states, and of those that are to be removed.
    counts: Mapping[str, int]
    succeeded_at: datetime | None

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the fields of the system that are no secrets, with those that a grant has added."""
        return access_of(self.secrets).settings

    @property
    def client_id(self) -> str | None:
        """Return the id of the account's registration at the system; None where it has a key."""
        return None if self.secrets.client is None else self.secrets.client.client_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrations:
    """Activate, show, change, pause and end integrations."""

    database: Database
    data_keys: AccountDataKeys
    systems: Mapping[str, CrmSystem]
    recipients: SealedEntries[Recipient]
    clock: Clock

    async def check(
        self, account_id: str, system: str, wanted: IntegrationChange, *, vendor: Vendor
    ) -> HandoverPolicy:
        """Raise what ``activate`` would; return the policy. Nothing is activated."""
        changed_secrets(self.systems, system, IntegrationSecrets(credentials={}), wanted)
        recipient_of(vendor, since=self.clock().date())
        policy = wanted.policy or HandoverPolicy()
        await self.database.read(lambda tx: _check_room(tx, account_id, policy))
        return policy

    async def activate(
        self, account_id: str, system: str, wanted: IntegrationChange, *, vendor: Vendor, actor: str
    ) -> IntegrationView:
        """Activate a system: what becomes available from now on is handed over. Its vendor is a recipient then.

        With a client, nothing leaves until a person has authorized it.

        Raises Invalid, naming the field, Refused if the account has too many, Unavailable.
        """
        secrets = changed_secrets(self.systems, system, IntegrationSecrets(credentials={}), wanted)
        sealed = await seal_integration(self.data_keys, account_id, secrets)
        policy = wanted.policy or HandoverPolicy()

        await self.database.read(lambda tx: _check_room(tx, account_id, policy))
        today = self.clock().date()
        recipient_id = await enter_vendor(self.recipients, account_id, vendor, since=today, actor=actor)

        def activate(tx: Transaction) -> StoredIntegration:
            tx.lock_account(account_id, exclusive=True)
            _check_room(tx, account_id, policy)
            now = tx.now()
            made = StoredIntegration(
                id=new_id("int"), account_id=account_id, system=system, state="active", policy=policy,
                sealed=sealed, recipient_id=recipient_id, created_at=now, changed_at=now, changed_by=actor,
                set_up_at=now, unauthorized_since=None if secrets.client is None else now,
            )  # fmt: skip
            tx.integrations.add(made)
            log_integration(tx, "integration.changed", made, actor)
            return made

        made = await self.database.write(activate)
        return await self.read(account_id, made.id)

    async def list(self, account_id: str) -> Sequence[IntegrationView]:
        """Return the integrations of an account, the newest first. Raises Unavailable."""

        def read(tx: Transaction) -> list[_Row]:
            return _with_health(tx, tx.integrations.of_account(account_id))

        found = await self.database.read(read)
        return [await self._view(row) async for row in paced(found)]

    async def read(self, account_id: str, integration_id: str) -> IntegrationView:
        """Return an integration. Raises NotFound, Unavailable."""

        def read(tx: Transaction) -> _Row:
            return _with_health(tx, [find_integration(tx, account_id, integration_id)])[0]

        return await self._view(await self.database.read(read))

    async def change(
        self, account_id: str, integration_id: str, wanted: IntegrationChange, *, actor: str
    ) -> IntegrationView:
        """Change an integration. With a new key, what waited for it goes on, removals first.

        Raises NotFound, Invalid, Refused if it has ended, Unavailable.
        """
        while True:
            stored = await self.database.read(lambda tx: find_integration(tx, account_id, integration_id))
            if stored.state == "ended":
                _require_open(stored)
            before = await open_integration(self.data_keys, stored)
            secrets = changed_secrets(self.systems, stored.system, before, wanted)
            sealed = await seal_integration(self.data_keys, account_id, secrets)
            since = None if wanted.key is not None else stored.unauthorized_since
            if secrets.client is not None and secrets.grant is None:
                since = since or self.clock()
            new = replace(
                stored, sealed=sealed, policy=wanted.policy or stored.policy, unauthorized_since=since
            )
            if await self.database.write(lambda tx: _put(tx, stored, new, actor)):  # noqa: B023 - awaited here
                return await self.read(account_id, integration_id)

    async def pause(self, account_id: str, integration_id: str, *, actor: str) -> IntegrationView:
        """Let nothing be handed over until it is resumed; removals go on. Raises NotFound, Refused."""
        return await self._set_state(account_id, integration_id, {"active": "paused"}, actor)

    async def resume(self, account_id: str, integration_id: str, *, actor: str) -> IntegrationView:
        """Hand over again, also what became available meanwhile. Raises NotFound, Refused."""
        return await self._set_state(account_id, integration_id, {"paused": "active"}, actor)

    async def end(
        self, account_id: str, integration_id: str, *, removes: bool, actor: str
    ) -> IntegrationView:
        """End it for good; with ``removes`` once everything is removed that it has handed over.

        One that is being ended so can also be ended without the rest. A repeated call changes nothing. If the object of
        this closing act is not known to be stored, it stores it. Raises NotFound.
        """
        event: EventType = "integration.removing" if removes else "integration.ended"

        def end(tx: Transaction, before: StoredIntegration, grant: str) -> bool:
            tx.lock_account(account_id, exclusive=True)
            stored = find_integration(tx, account_id, integration_id)
            if stored.state == "ended" or (removes and stored.state == "removing"):
                tx.closing_acts.recall(account_id, event, integration_id)
                return True
            if not removes and stored.sealed != before.sealed:
                return False
            log_end(tx, end_integration(tx, stored, removes=removes, grant=grant), actor=actor)
            return True

        is_done = False
        while not is_done:
            before = await self.database.read(lambda tx: find_integration(tx, account_id, integration_id))
            grant = "" if removes else await kept_grant(self.data_keys, self.systems, before)
            is_done = await self.database.write(lambda tx: end(tx, before, grant))  # noqa: B023 - awaited here
        view = await self.read(account_id, integration_id)
        if view.integration.state == "ended":
            await self._end_vendor(view.integration, actor)
        return view

    async def _end_vendor(self, integration: StoredIntegration, actor: str) -> None:
        await end_vendor(
            self.recipients,
            integration.account_id,
            integration.recipient_id,
            until=self.clock().date(),
            actor=actor,
        )

    async def _set_state(
        self, account_id: str, integration_id: str, states: Mapping[str, str], actor: str
    ) -> IntegrationView:
        def put(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            stored = find_integration(tx, account_id, integration_id)
            _require_open(stored)
            new = states.get(stored.state)
            if new is not None:
                _write(tx, replace(stored, state=new), actor)  # type: ignore[arg-type]

        await self.database.write(put)
        return await self.read(account_id, integration_id)

    async def _view(self, row: "_Row") -> IntegrationView:
        stored = row[0]
        return IntegrationView(
            integration=stored, secrets=await open_integration(self.data_keys, stored), writes=row[1],
            removals=row[2], counts=row[3], succeeded_at=row[4],
        )  # fmt: skip


_Row = tuple[StoredIntegration, Health, Health, Mapping[str, int], datetime | None]


def _with_health(tx: Transaction, found: Sequence[StoredIntegration]) -> list[_Row]:
    ids = [one.id for one in found]
    health = tx.outbox_outcomes.seen_health([name for one in ids for name in destinations_of(one)])
    success, counts = tx.integrations.last_success(ids), tx.handovers.counts(ids)
    rows = list[_Row]()
    for one in found:
        writes, removals = destinations_of(one.id)
        rows.append((one, health[writes], health[removals], counts.get(one.id, {}), success.get(one.id)))
    return rows


def _put(tx: Transaction, before: StoredIntegration, new: StoredIntegration, actor: str) -> bool:
    """Write a changed integration; False if it was changed meanwhile."""
    tx.lock_account(new.account_id, exclusive=True)
    if tx.integrations.get(new.account_id, new.id) != before:
        return False
    if before.state == "ended":
        _require_open(before)
    _check_connections(tx, new.account_id, new.policy)
    _write(tx, new, actor)
    return True


def _write(tx: Transaction, new: StoredIntegration, actor: str) -> None:
    now = tx.now()
    tx.integrations.put(replace(new, changed_at=now, changed_by=actor, set_up_at=now))
    log_integration(tx, "integration.changed", new, actor)


def _require_open(stored: StoredIntegration) -> None:
    if stored.state in {"removing", "ended"}:
        raise Refused("This integration has ended. Activate a new one.", reasons=("integration_ended",))


def _check_room(tx: Transaction, account_id: str, policy: HandoverPolicy) -> None:
    _check_connections(tx, account_id, policy)
    known = tx.integrations.of_account(account_id)
    if sum(one.state != "ended" for one in known) >= MAX_INTEGRATIONS or len(known) >= MAX_EVER:
        text = f"An account has at most {MAX_INTEGRATIONS} integrations, and {MAX_EVER} ever. Change one."
        raise Refused(text, reasons=("too_many_integrations",))


def _check_connections(tx: Transaction, account_id: str, policy: HandoverPolicy) -> None:
    for connection_id in policy.connections:
        connection = tx.connections.get(connection_id)
        if connection is None or connection.account_id != account_id:
            raise Invalid(
                "connections must have ids of connections of this account.", field="policy.connections"
            )

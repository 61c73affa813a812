"""The hand-overs of an account: list them, and decide to which of several contacts a call belongs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.handover.handovers import HandoverFilter
from vault.database.transaction import Transaction
from vault.domain.crm.handover import Target
from vault.domain.handover.handover import StoredHandover
from vault.errors import Invalid, NotFound, Refused
from vault.services.handover.stored_integration import (
    HandoverSecrets,
    KnownContact,
    log_handover,
    open_handover,
    seal_handover,
)
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverView:
    """A hand-over as its account sees it."""

    handover: StoredHandover
    #: Among which a person decides; empty unless several contacts have the number.
    candidates: Sequence[KnownContact] = ()
    #: The ids of what was written, by the system's names.
    remote: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handovers:
    """List, show and decide hand-overs."""

    database: Database
    data_keys: AccountDataKeys

    async def page(
        self,
        account_id: str,
        wanted: HandoverFilter,
        *,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[HandoverView]:
        """Return a page of hand-overs, the newest first. Raises Unavailable."""
        found = await self.database.read(
            lambda tx: tx.handovers.page(account_id, wanted, before=before, limit=limit)
        )
        return [await self._view(one) async for one in paced(found)]

    async def read(self, account_id: str, handover_id: str) -> HandoverView:
        """Return a hand-over. Raises NotFound, Unavailable."""
        return await self._view(await self.database.read(lambda tx: _find(tx, account_id, handover_id)))

    async def decide(
        self, account_id: str, handover_id: str, contact: str | None, *, actor: str
    ) -> HandoverView:
        """Write to this one of the candidates, or to none of them; without candidates: try again.

        What was written and is not confirmed is looked up again, and never written twice.

        Raises NotFound, Invalid for a contact that is none of them, Refused if nothing waits for a decision.
        """
        stored = await self.database.read(lambda tx: _find(tx, account_id, handover_id))
        _require_waiting(stored)
        known = (await open_handover(self.data_keys, stored)).candidates
        chosen = next((one for one in known if one.id == contact), None)
        if contact is not None and chosen is None:
            raise Invalid("contact must be the id of one of the candidates.", field="contact")
        target = None if chosen is None else Target(kind=chosen.kind, id=chosen.id)
        sealed = await seal_handover(self.data_keys, account_id, HandoverSecrets(target=target))
        gives_up = chosen is None and bool(known)

        def decide(tx: Transaction) -> None:
            locked = tx.handovers.lock(stored.id)
            if locked is None or locked.sealed != stored.sealed:
                raise Refused("The candidates have changed. Read them again.", reasons=("changed",))
            _require_waiting(locked)
            _require_open(tx, locked)
            log_handover(tx, "handover.decided", locked, actor=actor)
            if gives_up:
                tx.handovers.put(replace(locked, state="unmatched", cause="no_contact", sealed=None))
                return
            if locked.cause == "unconfirmed":
                tx.handovers.put(replace(locked, state="unknown", cause=None))
            else:
                tx.handovers.put(replace(locked, state="waiting", cause=None, sealed=sealed))
            tx.handovers.again(locked.id)

        await self.database.write(decide)
        return await self.read(account_id, handover_id)

    async def _view(self, stored: StoredHandover) -> HandoverView:
        if stored.sealed is None:
            return HandoverView(handover=stored)
        secrets = await open_handover(self.data_keys, stored)
        return HandoverView(handover=stored, candidates=secrets.candidates, remote=secrets.remote or {})


def _require_waiting(stored: StoredHandover) -> None:
    if stored.state not in {"held", "unmatched"} or stored.desired == "absent":
        raise Refused("Nothing of this hand-over waits for a decision.", reasons=("not_held",))


def _require_open(tx: Transaction, stored: StoredHandover) -> None:
    integration = tx.integrations.get(stored.account_id, stored.integration_id)
    if integration is None or integration.state in {"removing", "ended"}:
        raise Refused("The integration of this hand-over has ended.", reasons=("integration_ended",))


def _find(tx: Transaction, account_id: str, handover_id: str) -> StoredHandover:
    stored = tx.handovers.get(account_id, handover_id)
    if stored is None:
        raise NotFound("There is no such hand-over.")
    return stored

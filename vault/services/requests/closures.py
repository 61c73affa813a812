"""Ask for the closure of an account, cancel it while it waits, show it. The job ``ExecuteRequests`` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.database.interface import Database
from vault.database.stores.playback.links import LinkFilter
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.requests.request import (
    CLOSURE_EXPORT,
    CLOSURE_REFERENCE,
    PersonalData,
    Request,
    RequestState,
    Verification,
)
from vault.errors import NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey
from vault.services.requests.sealed_requests import (
    SealedRequests,
    append_event,
    personal_of,
    sealed_row,
)
from vault.services.retention.hold_release import waiting_time
from vault.services.retention.retention_clock import PAUSED
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosurePreview:
    """What the closure of an account would erase."""

    #: Recordings that are not erased.
    recordings: int
    #: Holds in force, whatever they cover.
    holds: int
    #: Calls with facts and without a recording.
    calls: int
    #: Links that can still be opened, and keys that sign links.
    links: int
    link_keys: int
    #: How long it can be taken back.
    waiting: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureStanding:
    """A closure that waits, is carried out, or is done."""

    state: RequestState
    #: When the waiting time is over.
    closes_at: datetime | None
    #: Whether a clock may be wrong, so that no time ends until the operator has looked.
    is_paused: bool = False

    @property
    def has_begun(self) -> bool:
        """Return whether it cannot be taken back any more: recording stays off."""
        return self.state is not RequestState.REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Closures:
    """Ask for the closure of an account, cancel it, and show it."""

    database: Database
    sealed: SealedRequests
    clock: Clock

    async def ask(
        self, account_id: str, *, reason: str, export: bool, actor: str, approved: Approved | None = None
    ) -> tuple[Request, bool]:
        """Close the account after the waiting time of its retention policy; return the closure, and whether it is new.

        A repeated call with the same content returns the one that waits. Raises Refused ``closing`` for other content,
        and once the account is being closed or is closed; ApprovalNeeded; Unavailable.
        """
        wanted = PersonalData(
            reference=CLOSURE_REFERENCE,
            identities=(),
            channel=CLOSURE_EXPORT if export else None,
            wish=reason,
            verification=Verification(method="login", at=self.clock(), by=actor),
        )

        # For the second person; counted here, where nobody waits for it.
        ends = await self.database.read(lambda tx: _ends(tx, account_id))

        async def work(key: AccountKey) -> Request | None:
            return await self.database.write(
                lambda tx: _insert(tx, key, account_id, wanted, ends, actor=actor, approved=approved)
            )

        made = await retry_if_rotated(self.sealed.ring, account_id, work)
        if made is not None:
            return made, True
        known = await self.read(account_id)
        same = personal_of(known).wish == reason and personal_of(known).channel == wanted.channel
        if known.state is not RequestState.REVIEW or not same or approved is not None:
            text = "The account is being closed already. While it waits, DELETE takes that back."
            raise Refused(text, reasons=("closing",))
        return known, False

    async def preview(self, account_id: str) -> ClosurePreview:
        """Return what the closure would erase. Changes nothing."""

        def read(tx: Transaction) -> ClosurePreview:
            return ClosurePreview(**_ends(tx, account_id), waiting=waiting_time(tx, account_id))

        return await self.database.read(read)

    async def standing(self, account_id: str) -> ClosureStanding | None:
        """Return how the account's closure stands, for every page; None without one, or if it was taken back."""

        def read(tx: Transaction) -> ClosureStanding | None:
            row = tx.closures.newest(account_id)
            if row is None or row.request.state is RequestState.WITHDRAWN:
                return None
            state = row.request.state
            paused = state is not RequestState.FULFILLED and tx.metadata.get(PAUSED) is not None
            return ClosureStanding(state=state, closes_at=row.request.due_at, is_paused=paused)

        return await self.database.read(read)

    async def read(self, account_id: str) -> Request:
        """Return the newest closure of the account. Raises NotFound, Tampered, Unavailable."""
        row = await self.database.read(lambda tx: tx.closures.newest(account_id))
        if row is None:
            raise NotFound("Nobody asked to close this account.")
        return await self.sealed.open(row)

    async def take_back(self, account_id: str, *, actor: str) -> Request:
        """Take a closure back that waits; a repeated call changes nothing.

        Raises NotFound, Refused ``closing`` once it has begun, Busy if it begins at this moment.
        """
        known = await self.read(account_id)
        if known.state is RequestState.WITHDRAWN:
            await self.database.write(
                lambda tx: tx.closing_acts.recall(account_id, "account.closure_withdrawn", known.id)
            )
            return known
        if known.state is not RequestState.REVIEW:
            text = "The waiting time is over, and the account is being closed: that cannot be taken back."
            raise Refused(text, reasons=("closing",))
        now = self.clock()
        changed = replace(known, state=RequestState.WITHDRAWN, closed_at=now)
        return await self.sealed.change(changed, "account.closure_withdrawn", actor=actor, at=now)


def _insert(
    tx: Transaction,
    key: AccountKey,
    account_id: str,
    wanted: PersonalData,
    ends: Mapping[str, int],
    *,
    actor: str,
    approved: Approved | None,
) -> Request | None:
    """Insert a closure; None if one waits, or the account is closed."""
    tx.lock_account(account_id, exclusive=True)
    newest = tx.closures.newest(account_id)
    if newest is not None and newest.request.state is not RequestState.WITHDRAWN:
        return None
    now = tx.now()
    request = Request(
        id=new_id("req"),
        account_id=account_id,
        kind="closure",
        regime="none",
        state=RequestState.REVIEW,
        received_at=now,
        created_at=now,
        due_at=now + waiting_time(tx, account_id),
        closed_at=None,
        repeat_of=None,
        revision=1,
        personal=wanted,
    )
    export = int(wanted.channel == CLOSURE_EXPORT)
    effect = {**ends, "export": export}
    # Whatever the account has on its last day is erased, so an approval binds the export alone.
    require_approval(tx, account_id, "account_closure", approved, effect, things=[f"export {export}"])
    row = sealed_row(key, request)
    tx.requests.insert(row, reference_term=None, terms=(), key_version=key.version)
    append_event(tx, request, "account.closure_asked", actor=actor, at=now)
    return request


def _ends(tx: Transaction, account_id: str) -> Mapping[str, int]:
    """Return what a closure would end if it began now."""
    now = tx.now()
    return {
        "recordings": tx.closures.count_left(account_id),
        "calls": tx.closures.count_calls_without_recordings(account_id),
        "links": tx.links.count(account_id, LinkFilter(open_at=now)),
        "link_keys": len(tx.link_keys.of_account(account_id)),
        "holds": len(tx.holds.in_effect(account_id, now)),
    }

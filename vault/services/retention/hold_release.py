"""The release of a hold, which is a deletion: with a preview, by a second API key, and after a grace."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.database.interface import Database
from vault.database.stores.second_keys import Approval
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.retention.hold import Hold
from vault.domain.retention.policy import DEFAULT_WAITING
from vault.errors import Refused, Tampered
from vault.services.retention.holds import event_of_hold, existing_hold
from vault.services.retention.second_key import (
    is_recent,
    keep_preview,
    open_approval,
    require_preview,
    require_second_key,
)

#: Recordings named in a preview, and read in one transaction.
_NAMED, _BATCH_SIZE = 20, 500
#: How long the retention sweep may exceed its cap once a key has approved that.
_UNCAPPED = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePreview:
    """What leaves when a hold is released."""

    #: Recordings that nothing else keeps after the grace, of them those whose erasure a person asked for.
    erased: int
    pending: int
    #: Recordings that another hold keeps.
    still_held: int
    recording_ids: tuple[str, ...]
    free_at: datetime
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleases:
    """Preview, ask for and approve releases of holds."""

    database: Database

    async def preview(self, account_id: str, hold_id: str) -> ReleasePreview:
        """Return what leaves when the hold is released now, and the digest that the release must carry.

        Raises NotFound, Refused if it is released already.
        """
        hold = await self.database.read(lambda tx: _held(tx, account_id, hold_id))
        free_at = await self.database.read(lambda tx: tx.now() + _grace(tx, account_id))
        erased, pending, still_held, after, named = 0, 0, 0, "", list[str]()
        while True:
            batch = await self.database.read(
                lambda tx, after=after: _leaving(tx, hold, free_at, after)  # type: ignore[misc]
            )
            for leaving in batch:
                still_held += leaving.is_held
                pending += leaving.waits and not leaving.is_held
                erased += not leaving.is_held
                if not leaving.is_held and len(named) < _NAMED:
                    named.append(leaving.recording_id)
            if len(batch) < _BATCH_SIZE:
                break
            after = batch[-1].recording_id
        shown = {"erased": erased, "pending": pending, "still_held": still_held}
        digest = await self.database.write(lambda tx: keep_preview(tx, account_id, hold_id, shown))
        return ReleasePreview(
            erased=erased,
            pending=pending,
            still_held=still_held,
            recording_ids=tuple(named),
            free_at=free_at,
            digest=digest,
        )

    async def ask(self, account_id: str, hold_id: str, *, digest: str | None, actor: str) -> Approval:
        """Ask for a release, which another API key approves. Raises NotFound, Refused without a recent preview."""

        def ask(tx: Transaction) -> Approval:
            tx.lock_account(account_id, exclusive=True)
            hold, now = _held(tx, account_id, hold_id), tx.now()
            require_preview(tx, account_id, hold_id, digest)
            wanted = Approval(
                id=new_id("appr"),
                account_id=account_id,
                kind="hold_release",
                subject=hold_id,
                asked_by=actor,
                asked_at=now,
            )
            approval = tx.second_keys.ask(wanted)
            if approval == wanted:
                tx.events.append(event_of_hold("hold.release_asked", hold, now, actor))
            return approval

        return await self.database.write(ask)

    async def approve(self, account_id: str, approval_id: str, *, actor: str) -> Approval:
        """Give the word of a second key: the hold is released, or the sweep may exceed its cap for a day.

        Raises NotFound, Refused for the same key, for one that the first issued, or after a week.
        """

        def approve(tx: Transaction) -> Approval:
            tx.lock_account(account_id, exclusive=True)
            approval, now = open_approval(tx, account_id, approval_id), tx.now()
            if approval.decided_by == actor and tx.closing.recall(
                account_id, "hold.released", approval.subject
            ):
                return approval
            require_second_key(tx, approval, actor)
            if not is_recent(approval.asked_at, now):
                raise Refused("This was asked more than a week ago. Ask again.", reasons=("expired",))
            tx.second_keys.decide(approval_id, by=actor, at=now)
            if approval.kind == "retention_cap":
                tx.retention.lift_cap(account_id, now + _UNCAPPED)
            else:
                _release(tx, account_id, approval.subject, now, actor)
            return replace(approval, decided_by=actor, decided_at=now)

        return await self.database.write(approve)

    async def approvals(self, account_id: str) -> Sequence[Approval]:
        """Return what waits for a second key."""
        return await self.database.read(lambda tx: tx.second_keys.open(account_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaving:
    """A recording that is due, or whose erasure waits."""

    recording_id: str
    #: Whether another hold keeps it.
    is_held: bool
    #: Whether a person asked for its erasure.
    waits: bool


def _held(tx: Transaction, account_id: str, hold_id: str) -> Hold:
    hold = existing_hold(tx, account_id, hold_id).hold
    if hold.released_at is not None:
        raise Refused("The hold is released already.", reasons=("released",))
    return hold


def _release(tx: Transaction, account_id: str, hold_id: str, now: datetime, actor: str) -> None:
    hold = replace(
        existing_hold(tx, account_id, hold_id).hold,
        released_at=now,
        released_by=actor,
        free_at=now + _grace(tx, account_id),
    )
    tx.holds.release(hold)
    tx.events.append(event_of_hold("hold.released", hold, now, actor))


def _grace(tx: Transaction, account_id: str) -> timedelta:
    try:
        policies = tx.retention.policies(account_id, tx.now())
    except Tampered:
        return DEFAULT_WAITING
    return policies.newest.waiting


def _leaving(tx: Transaction, hold: Hold, free_at: datetime, after: str) -> list[_Leaving]:
    found = tx.holds.would_leave(hold, free_at, after=after, limit=_BATCH_SIZE)
    alone = all(other.id == hold.id for other in tx.holds.in_effect(hold.account_id, free_at))
    waiting = tx.pending_erasures.among([recording.id for recording in found])
    return [
        _Leaving(
            recording_id=recording.id,
            is_held=not alone and any(other.id != hold.id for other in tx.holds.covering(recording, free_at)),
            waits=recording.id in waiting,
        )
        for recording in found
    ]

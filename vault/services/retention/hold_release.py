"""The release of a hold, which is a deletion: with a preview, a second person's approval, and after a grace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import Approval, digest_of
from vault.domain.retention.hold import Hold
from vault.domain.retention.policy import DEFAULT_WAITING
from vault.errors import Refused, Tampered
from vault.services.approvals.ask import AskApproval, CountedEffect, Question
from vault.services.retention.place_hold import event_of_hold, existing_hold
from vault.services.retention.previews import keep_preview, require_preview
from vault.services.shared.approval_gate import Approved, require_approval

#: Recordings named in a preview, and read in one transaction.
_NAMED, _BATCH_SIZE = 20, 500
#: How long the retention sweep may exceed its cap once that is approved.
_UNCAPPED = timedelta(days=1)
#: Ids that an approval of a release binds one by one: more would keep others waiting while they are read.
_MAX_COUNTED_IDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEffect:
    """What the sweep, or the closure of the account, erases after the release of a hold."""

    #: Recordings that no hold keeps after the grace and that are due, or whose account is being closed; of them those
    #: whose erasure a person asked for.
    erased: int
    pending: int
    #: Recordings that another hold keeps.
    still_held: int
    recording_ids: tuple[str, ...]
    #: When the grace ends: of a hold that is not released, if it were released now.
    free_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePreview:
    """The effect of a release as it was shown, with the digest that the release must carry."""

    effect: ReleaseEffect
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleases:
    """Preview and ask for releases of holds, and release them once another person has approved."""

    database: Database
    asking: AskApproval

    async def preview(self, account_id: str, hold_id: str) -> ReleasePreview:
        """Return what is erased if the hold is released now. Raises NotFound, Refused if it is released already."""
        await self.database.read(lambda tx: _held(tx, account_id, hold_id))
        effect = await self.effect(account_id, hold_id)
        shown = {"erased": effect.erased, "pending": effect.pending, "still_held": effect.still_held}
        digest = await self.database.write(lambda tx: keep_preview(tx, account_id, hold_id, shown))
        return ReleasePreview(effect=effect, digest=digest)

    async def effect(self, account_id: str, hold_id: str) -> ReleaseEffect:
        """Return what is erased after the grace of a released hold that still binds, or if it were released now.

        Raises NotFound.
        """

        def read(tx: Transaction) -> tuple[Hold, datetime]:
            hold = existing_hold(tx, account_id, hold_id).hold
            return hold, hold.free_at or tx.now() + waiting_time(tx, account_id)

        hold, free_at = await self.database.read(read)
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
        return ReleaseEffect(
            erased=erased,
            pending=pending,
            still_held=still_held,
            recording_ids=tuple(named),
            free_at=free_at,
        )

    async def ask(
        self, account_id: str, hold_id: str, *, digest: str | None, actor: str, reason: str | None = None
    ) -> Approval:
        """Ask for a release, which another person approves. Raises NotFound, Refused without a recent preview."""
        hold = (await self.database.read(lambda tx: existing_hold(tx, account_id, hold_id))).hold
        question = Question(verb="hold_release", subject=hold_id, arguments={"hold": hold_id}, reason=reason)

        def effect(tx: Transaction) -> CountedEffect:
            held = _held(tx, account_id, hold_id)
            require_preview(tx, account_id, hold_id, digest)
            count, things = _bound(tx, held)
            return count, digest_of(things)

        return await self.asking(
            account_id,
            question,
            effect=effect,
            actor=actor,
            event=lambda now: event_of_hold("hold.release_asked", hold, now, actor),
        )

    async def release(self, account_id: str, hold_id: str, *, approved: Approved) -> None:
        """Release a hold as it was approved; it binds until its grace has passed.

        Raises NotFound, Refused if it is released already or not approved (any more), EffectChanged.
        """

        def release(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            hold = _held(tx, account_id, hold_id)
            count, things = _bound(tx, hold)
            require_approval(tx, account_id, "hold_release", approved, count, things=things)
            _release(tx, account_id, hold_id, tx.now(), approved.approval.decided_by or "")

        await self.database.write(release)

    async def lift_cap(self, account_id: str, *, approved: Approved) -> None:
        """Let the retention sweep exceed its cap for a day, as approved. Raises Refused if it is not (any more)."""

        def lift(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            require_approval(tx, account_id, "retention_cap", approved, {})
            tx.retention.lift_cap(account_id, tx.now() + _UNCAPPED)

        await self.database.write(lift)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaving:
    """A recording that is due, whose erasure waits, or whose account is being closed."""

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


def _bound(tx: Transaction, hold: Hold) -> tuple[Mapping[str, int], Sequence[str]]:
    """Return how many recordings a hold covers, and their ids: above _MAX_COUNTED_IDS the number and the newest."""
    ids = tx.holds.covered_ids(hold, limit=_MAX_COUNTED_IDS + 1)
    if len(ids) <= _MAX_COUNTED_IDS:
        return {"bound": len(ids)}, ids
    count = tx.holds.count_covered(hold)
    return {"bound": count}, [str(count), tx.holds.newest_covered(hold) or ""]


def _release(tx: Transaction, account_id: str, hold_id: str, now: datetime, actor: str) -> None:
    hold = replace(
        existing_hold(tx, account_id, hold_id).hold,
        released_at=now,
        released_by=actor,
        free_at=now + waiting_time(tx, account_id),
    )
    tx.holds.release(hold)
    tx.events.append(event_of_hold("hold.released", hold, now, actor))


def waiting_time(tx: Transaction, account_id: str) -> timedelta:
    """Return the grace of a released hold and the wait of a closure: the longest of the policies that count."""
    try:
        return tx.retention.policies(account_id, tx.now()).longest_wait
    except Tampered:
        return DEFAULT_WAITING


def _leaving(tx: Transaction, hold: Hold, free_at: datetime, after: str) -> list[_Leaving]:
    closing = tx.closures.begins_by(hold.account_id, free_at)
    found = tx.holds.would_leave(hold, free_at, closing=closing, after=after, limit=_BATCH_SIZE)
    others = [one for one in tx.holds.in_effect(hold.account_id, free_at) if one.id != hold.id]
    waiting = tx.pending_erasures.among([recording.id for recording in found])
    return [
        _Leaving(
            recording_id=recording.id,
            is_held=bool(tx.holds.covering(recording, free_at, among=others)),
            waits=recording.id in waiting,
        )
        for recording in found
    ]

"""Erase what is stored of an account that is being closed, but for what holds, minima and classes keep.

A pass goes over all recordings, then over the calls without any, a few pages in each step, so that requests of other
accounts have their turns. What is kept costs reads alone, and what the policy keeps not even these: it can be a whole
archive, for years.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.stores.requests.closures import RemainingRecording
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import Recording, State
from vault.domain.requests.request import Request
from vault.domain.retention.hold import Hold
from vault.domain.retention.period import end_of, parse_zone
from vault.domain.retention.policy import RetentionPolicy
from vault.errors import Refused, Tampered
from vault.services.admission.call_opener import CallOpener
from vault.services.lifecycle.erase_call import erase_recordings, forget_if_erased
from vault.services.lifecycle.guards import holds_on_call
from vault.services.requests.progress import Progress
from vault.services.requests.sealed_requests import ruling_of
from vault.services.shared.clock_skew import checked_now

#: Recordings, and calls, per page, and pages per step.
_PAGE_SIZE: Final = 200
_PAGES: Final = 10


@dataclass(slots=True)
class _Pass:
    """The place of a pass, in memory: another process begins a new one."""

    last_recording: tuple[datetime, str] | None = None
    #: The last call; None while the pass is at the recordings.
    last_call: str | None = None
    has_erased: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseAccount:
    """Erase the recordings of an account, and the facts of its calls."""

    database: Database
    call_opener: CallOpener
    #: By the id of the closure.
    _passes: dict[str, _Pass] = field(default_factory=dict)

    async def __call__(self, request: Request) -> Progress:
        """Do the next step of a pass; return NONE at the end of one that erased nothing."""
        await self._forget_ended()
        current = self._passes.setdefault(request.id, _Pass())
        try:
            for _ in range(_PAGES):
                await self._page(request, current)
                if current.is_over:
                    del self._passes[request.id]
                    break
        finally:
            if current.has_erased:
                # If a reader holds the write-ahead log now, a later checkpoint overwrites the deleted rows.
                await self.database.scrub()
        if current.has_erased:
            return Progress.DONE
        return Progress.NONE if current.is_over else Progress.MORE

    async def _forget_ended(self) -> None:
        """Forget the passes of closures that another node has ended."""
        if ids := list(self._passes):
            executing = await self.database.read(lambda tx: tx.closures.executing_among(ids))
            for ended in set(ids) - executing:
                self._passes.pop(ended, None)

    async def forget_answers(self, account_id: str) -> None:
        """Delete all consent events but refusals, also of calls whose facts were erased before.

        Those that cannot be read too: the key's rotation, with which the closure ends, would wait for them.
        """
        after = ""
        while page := await self.database.read(
            lambda tx, after=after: tx.consents.calls(account_id, after=after, limit=_PAGE_SIZE)  # type: ignore[misc]
        ):
            after = page[-1]
            for call_ref in page:
                answers = await self.call_opener.forgettable_answers(
                    account_id, call_ref, with_unreadable=True
                )
                if answers:
                    await self.database.write(
                        lambda tx, answers=answers: tx.consents.forget(account_id, answers)  # type: ignore[misc]
                    )

    async def _page(self, request: Request, current: _Pass) -> None:
        """Erase what may be erased of the next page. If that fails, the page comes again."""
        if (after := current.last_call) is None:
            page, free = await self.database.read(lambda tx: _recordings(tx, request, current.last_recording))
            for one in free:
                current.has_erased |= await self._erase(request, one)
            if len(page) < _PAGE_SIZE:
                current.last_call = ""
            else:
                current.last_recording = (page[-1].received_at, page[-1].id)
            return
        calls, forgettable = await self.database.read(lambda tx: _calls(tx, request.account_id, after))
        for call_ref in forgettable:
            current.has_erased |= await self._forget(request, call_ref)
        current.is_over = len(calls) < _PAGE_SIZE
        current.last_call = calls[-1] if calls else after

    async def _erase(self, request: Request, one: RemainingRecording) -> bool:
        """Erase a recording and, with the last one of a call, its facts; False if it must be kept for now."""
        account_id, ruling = request.account_id, ruling_of(request)
        forgettable = await self.call_opener.forgettable_answers(account_id, one.call_ref)

        def erase(tx: Transaction) -> bool:
            tx.lock_account_and_call(account_id, one.call_ref)
            recording = tx.recordings.get(account_id, one.id)
            if recording is None or _is_kept_after(tx, recording, ruling.at):
                return False
            if _is_held(tx, account_id, one.call_ref) or not erase_recordings(
                tx, account_id, [recording], actor=ruling.by, at=tx.now(), wish="request", keep_packages=True
            ):
                return False
            tx.provider_copies.request_deletion(one.id)
            forget_if_erased(tx, account_id, one.call_ref, forgettable, actor=ruling.by, at=tx.now())
            return True

        try:
            return await self.database.write(erase)
        except Refused:
            return False

    async def _forget(self, request: Request, call_ref: str) -> bool:
        """Delete the facts of a call without recordings; False if it must be kept for now."""
        account_id, ruling = request.account_id, ruling_of(request)
        forgettable = await self.call_opener.forgettable_answers(account_id, call_ref)

        def forget(tx: Transaction) -> bool:
            tx.lock_account_and_call(account_id, call_ref)
            if _is_held(tx, account_id, call_ref):
                return False
            return forget_if_erased(tx, account_id, call_ref, forgettable, actor=ruling.by, at=tx.now())

        return await self.database.write(forget)


def _recordings(
    tx: Transaction, request: Request, after: tuple[datetime, str] | None
) -> tuple[Sequence[RemainingRecording], Sequence[RemainingRecording]]:
    """Return the next recordings that the policy does not keep, and those of them that no hold covers."""
    account_id, now = request.account_id, checked_now(tx)
    try:
        policies = tx.retention.policies(account_id, now)
    except Tampered:
        return [], []  # A policy that cannot be read erases nothing.
    holds = tx.holds.in_effect(account_id, now)
    if any(hold.covers.has_everything for hold in holds):
        return [], []
    closed_at = ruling_of(request).at
    if _classes_after(policies.waiting, closed_at, now):
        return [], []  # Which recordings are of them is not known before the policy is in force.
    classes = _classes_after([policies.current], closed_at, now)
    page = tx.closures.to_erase(
        account_id, stamp=policies.stamp, now=now, classes=classes, after=after, limit=_PAGE_SIZE
    )
    return page, [one for one in page if not (holds and _is_covered(tx, account_id, one.id, holds, now))]


def _is_covered(
    tx: Transaction, account_id: str, recording_id: str, holds: Sequence[Hold], now: datetime
) -> bool:
    recording = tx.recordings.get(account_id, recording_id)
    return recording is None or bool(tx.holds.covering(recording, now, among=holds))


def _calls(tx: Transaction, account_id: str, after: str) -> tuple[Sequence[str], Sequence[str]]:
    """Return the next calls without recordings, and those of them that no hold covers."""
    calls = tx.closures.calls_without_recordings(account_id, after=after, limit=_PAGE_SIZE)
    if not tx.holds.in_effect(account_id, checked_now(tx)):
        return calls, calls
    return calls, [one for one in calls if not _is_held(tx, account_id, one)]


def _is_held(tx: Transaction, account_id: str, call_ref: str) -> bool:
    """Return whether a hold covers the call, by any of its facts: then its recordings stay too."""
    return bool(holds_on_call(tx, account_id, call_ref))


def _is_kept_after(tx: Transaction, recording: Recording, closed_at: datetime) -> bool:
    """Return whether a class keeps a recording for a period that begins with the end of the account.

    Also where that is not known yet: its class was computed from other policies or not at all, or the class is of a
    policy that waits.
    """
    if recording.state is not State.AVAILABLE:
        return False  # The policy counts from the gate on.
    now = checked_now(tx)
    try:
        policies = tx.retention.policies(recording.account_id, now)
    except Tampered:
        return True  # A policy that cannot be read erases nothing.
    if _classes_after(policies.waiting, closed_at, now):
        return True
    classes = _classes_after([policies.current], closed_at, now)
    if not classes:
        return False
    marks = tx.retention.marks(recording.id)
    return marks is None or marks.policy_version != policies.stamp or marks.retention_class in classes


def _classes_after(
    policies: Iterable[RetentionPolicy], closed_at: datetime, now: datetime
) -> Collection[str]:
    """Return the classes that keep their recordings now because the account was closed."""
    return {
        kept.name
        for policy in policies
        for kept in policy.classes
        if kept.starts == "account_closed"
        and kept.period is not None
        and now < end_of(kept.period, closed_at, parse_zone(policy.time_zone), "last")
    }

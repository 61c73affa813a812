"""An account's retention policy: read it, preview a change, change it.

A change that can erase anything earlier carries the digest of its preview and waits; one that only lengthens holds at
once. Nothing is erased by time until a policy was set.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.retention_policies import RetentionPolicies
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.retention.policy import (
    RetentionPolicy,
    conflicts,
    content_of,
    shortens,
)
from vault.domain.stored.json_reader import write_object
from vault.domain.stored.retention_json import encode_retention_policy
from vault.errors import Conflicting, Refused
from vault.ports.objects import ObjectStore
from vault.services.retention.check_object_lock import require_locks
from vault.services.retention.check_policy import check
from vault.services.retention.previews import require_preview
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.paced import paced

#: Each erasure reads those that wait, and each further change begins the wait again.
MAX_WAITING_VERSIONS: Final = 20
_Change = Callable[[str | None], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionView:
    """The policy in force, and those that wait, with their texts."""

    current: RetentionPolicy
    waiting: tuple[RetentionPolicy, ...]

    @property
    def newest(self) -> RetentionPolicy:
        """Return the last version that was set: a change is based on it."""
        return self.waiting[-1] if self.waiting else self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """Read and set the retention policy of an account, and its history."""

    database: Database
    data_keys: AccountDataKeys
    objects: ObjectStore

    async def read(self, account_id: str) -> RetentionView:
        """Return the policy in force and those that wait. Raises Tampered."""
        found = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
        waiting = [await self._opened(account_id, policy) async for policy in paced(found.waiting)]
        return RetentionView(current=await self._opened(account_id, found.current), waiting=tuple(waiting))

    async def warnings(self, account_ids: Sequence[str]) -> Mapping[str, str | None]:
        """Return by account why nothing of it is erased by time; None where something is."""

        def read(tx: Transaction) -> dict[str, str | None]:
            now = tx.now()
            return {account_id: tx.retention.warning(account_id, now) for account_id in account_ids}

        return await self.database.read(read)

    async def history(self, account_id: str, *, after: int, limit: int) -> Sequence[RetentionPolicy]:
        """Return the versions that were set after version ``after``, oldest first."""
        history = await self.database.read(
            lambda tx: tx.retention.history(account_id, after=after, limit=limit)
        )
        opened = []
        for policy in history:
            opened.append(await self._opened(account_id, policy))
            # One may have a hundred texts to open.
            await asyncio.sleep(0)
        return opened

    async def set(
        self,
        account_id: str,
        wanted: RetentionPolicy,
        *,
        if_version: int | None,
        digest: str | None,
        actor: str,
        approved: Approved | None = None,
    ) -> RetentionView:
        """Change the policy, under the account's exclusive lock. Every version is kept.

        From then on nothing is erased that the new policy keeps. What it keeps shorter waits. Setting it to its newest
        version changes nothing. Raises Invalid, ApprovalNeeded, Conflicting for a minimum above a maximum without a
        decision, Refused if it is no longer at ``if_version``, without a recent preview of the same change if it
        shortens anything, above MAX_WAITING_VERSIONS, or if it locks objects in a store that cannot.
        """
        check(wanted)
        if wanted.object_lock != "off":
            await require_locks(self.objects)
        if pairs := conflicts(wanted):
            raise Conflicting([(pair.minimum_of, pair.maximum_of) for pair in pairs])
        before = await self.read(account_id)
        if content_of(before.newest) == content_of(wanted) and approved is None:
            await self.database.write(partial(_recall, account_id, before.newest.version))
            return before
        sealed = await self._sealed(account_id, wanted)
        write = partial(
            _write,
            account_id=account_id,
            sealed=sealed,
            wanted=wanted,
            opened=before,
            if_version=if_version,
            digest=digest,
            actor=actor,
            approved=approved,
        )
        await self.database.write(write, urgent=True)
        return await self.read(account_id)

    async def _opened(self, account_id: str, policy: RetentionPolicy) -> RetentionPolicy:
        return await _with_words(
            policy, lambda text: self.data_keys.open_words(account_id, "retention", text)
        )

    async def _sealed(self, account_id: str, policy: RetentionPolicy) -> RetentionPolicy:
        return await _with_words(
            policy, lambda text: self.data_keys.seal_words(account_id, "retention", text)
        )


async def open_policies(
    data_keys: AccountDataKeys, account_id: str, policies: RetentionPolicies
) -> list[RetentionPolicy]:
    """Return the policy in force and those that wait, with their texts opened. Raises NotFound, Tampered."""
    return [
        await _with_words(policy, lambda text: data_keys.open_words(account_id, "retention", text))
        async for policy in paced((policies.current, *policies.waiting))
    ]


def preview_subject(wanted: RetentionPolicy, version: int) -> str:
    """Return the subject under which a preview of this change from this version is stored."""
    content = write_object({"policy": encode_retention_policy(content_of(wanted)), "from": version})
    return f"policy {hashlib.sha256(content).hexdigest()}"


def _write(
    tx: Transaction,
    *,
    account_id: str,
    sealed: RetentionPolicy,
    wanted: RetentionPolicy,
    opened: RetentionView,
    if_version: int | None,
    digest: str | None,
    actor: str,
    approved: Approved | None,
) -> None:
    tx.lock_account(account_id, exclusive=True)
    now = tx.now()
    newest = tx.retention.policies(account_id, now).newest.version
    if newest != opened.newest.version or (if_version is not None and if_version != newest):
        raise Refused(
            "The policy was changed in the meantime. Read it again before you change it.",
            reasons=("changed",),
        )
    shorter = any(shortens(before, wanted) for before in (opened.current, *opened.waiting))
    if shorter:
        _check_waiting(opened)
    if shorter and approved is None:
        require_preview(tx, account_id, preview_subject(wanted, newest), digest)
    if shorter or approved is not None:
        # The version: a policy that was changed since is another one to shorten.
        require_approval(tx, account_id, "retention_policy", approved, {"from_version": newest})
    effective_at = now + max(opened.current.waiting, wanted.waiting) if shorter else now
    version = newest + 1
    tx.retention.add(
        account_id,
        replace(sealed, version=version, changed_at=now, changed_by=actor, effective_at=effective_at),
    )
    tx.events.append(
        AccessEvent(
            type="retention.changed", at=now, account_id=account_id, actor=actor, result=f"v{version}"
        )
    )


def _check_waiting(opened: RetentionView) -> None:
    if len(opened.waiting) >= MAX_WAITING_VERSIONS:
        text = (
            f"{MAX_WAITING_VERSIONS} changes of the policy wait already, the maximum. Change it again when the newest "
            "of them is in force. A policy that shortens none of them can be set now."
        )
        raise Refused(text, reasons=("too_many_waiting",))


def _recall(account_id: str, version: int, tx: Transaction) -> None:
    tx.closing_acts.recall(account_id, "retention.changed", f"v{version}")


async def _with_words(policy: RetentionPolicy, change: _Change) -> RetentionPolicy:
    """Return a policy whose texts are sealed, or opened."""
    classes = [
        replace(
            kept,
            purpose=await change(kept.purpose) or "",
            statute=await change(kept.statute),
            match=replace(kept.match, agent=await change(kept.match.agent)),
        )
        for kept in policy.classes
    ]
    decisions = [replace(found, reason=await change(found.reason) or "") for found in policy.decisions]
    return replace(
        policy,
        classes=tuple(classes),
        decisions=tuple(decisions),
        told_reason=await change(policy.told_reason),
    )

"""Restore accounts from their objects, and their recording switches from the log."""

import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vault.database.account_object import AccountObject
from vault.database.account_parts.notices import NOTICES, prompts_of
from vault.database.account_parts.part import StoredPrompt
from vault.database.account_parts.switch import SWITCH_HISTORY
from vault.database.interface import Database
from vault.database.stores.accounts.account_objects import Revisions
from vault.database.transaction import Transaction
from vault.domain.accounts.account import SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.switch_history import closes, merge_history
from vault.domain.progress import ProgressCallback, Report
from vault.domain.stored.account_object_name import ObjectName, location_of, prompt_location, sort_names
from vault.domain.stored.closing_acts import Act
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.services.audit_log.own_history import sort_by_history
from vault.services.backup.request_objects import RequestObjects
from vault.services.backup.restore_log import Divergence
from vault.services.backup.write_account_objects import open_account_object
from vault.services.lifecycle.restore_states import fail_without_key, refuse_stale

#: The reason of a switch-off if one of two histories had left recording on.
_CLOSED = "A restore joined two histories of the database, and recording was switched off in one of them."


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAccount:
    """An account's state from one of its objects."""

    known: AccountObject
    #: Whether it belongs to the anchored history. An object of another history only adds to the account.
    anchored: bool
    #: Whether it can differ from the rows in keys alone, which are made without an event.
    only_keys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAccounts:
    """Restore accounts to their newest object, except for changes the database acknowledged since."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    requests: RequestObjects
    #: The account objects in the store when the restore began, by account.
    names: Mapping[str, Sequence[ObjectName]]

    async def bring_in(
        self,
        divergence: Divergence,
        acts: Sequence[Act],
        report: Report,
        progress: ProgressCallback,
        *,
        actor: str,
        left: Collection[str] = (),
    ) -> None:
        """Restore every account, and its recording switch from both histories and the journal.

        Those that ``left`` the vault have no object once what was left of them is destroyed.
        """
        names, offs = self.names, _offs(acts)
        lost = {*offs, *divergence.lost.switch, *divergence.lost.changed}.difference(left)
        account_ids = sorted({*names, *lost})
        for number, account_id in enumerate(account_ids, 1):
            changes = await self._bring_in(account_id, names.get(account_id, ()), divergence, report)
            if changes is not None:
                changes = [*changes, *offs.get(account_id, ())]
                await self.database.write(
                    lambda tx, account_id=account_id, changes=changes: _switch(  # type: ignore[misc]
                        tx, account_id, changes, divergence, actor
                    )
                )
            await progress("accounts", number, len(account_ids))

    async def refuse_in_flight(self, report: Report) -> None:
        """Refuse recordings in flight from before a switch-off, if no manifest has restored them."""
        report.add("refused", await self.database.write(refuse_stale))

    async def fail_closed(self, divergence: Divergence, report: Report) -> None:
        """Fail recordings in flight that were sealed under a key version destroyed since."""
        for account_id in {*divergence.lost.switch, *divergence.lost.changed, *self.names}:
            failed = await self.database.write(
                lambda tx, account_id=account_id: fail_without_key(tx, account_id)  # type: ignore[misc]
            )
            if failed:
                report.findings.append(
                    f"{account_id}: {failed} recordings in flight were sealed under a key that was destroyed since. "
                    "Uploads can be sent again; announced recordings need another name."
                )

    async def _bring_in(
        self, account_id: str, names: Sequence[ObjectName], divergence: Divergence, report: Report
    ) -> Sequence[SwitchChange] | None:
        """Restore an account; return the switch changes from its objects, None if it has no row."""
        row = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        lost = await self._lost(account_id, names, row, divergence, report)
        exists = row is not None
        for account in lost:
            if not await self._put(account, divergence, report, exists=exists):
                return None
            exists = True
        if not exists:
            report.findings.append(f"{account_id}: its object is missing, so the account is lost.")
            return None
        states = [account.known for account in lost if not account.only_keys]
        if states:
            report.add("accounts")
        changed = divergence.lost.changed.get(account_id)
        if changed is not None and (not states or changed > states[0].as_of):
            report.findings.append(
                f"{account_id}: its object is older than the account's last change of {changed:%Y-%m-%d %H:%M:%S} "
                "UTC. Check its connections, consent policy, objections, notices and registers."
            )
        return [change for known in states for change in known[SWITCH_HISTORY]]

    async def _put(
        self, account: LostAccount, divergence: Divergence, report: Report, *, exists: bool
    ) -> bool:
        """Set an account to its object's state, or merge that into later changes; False if its name is taken."""
        known, own = account.known, divergence.own
        account_id = known.account.id
        if account.only_keys:
            await self.database.write(lambda tx: tx.restore.lost_keys(known))
            self.ring.forget(account_id)
            return True
        prompts = await self._prompts(known, report)
        if exists and (not account.anchored or account_id in own.changed or account_id in own.switch):
            # Changes acknowledged since the divergence are kept.
            deleted = own.deleted_connections | divergence.lost.deleted_connections | own.deleted_callbacks
            deleted |= own.deleted_endpoints | divergence.lost.deleted_endpoints
            left_out = await self.database.write(
                lambda tx: tx.restore.lost_account(
                    known, prompts, but=deleted, policies=account_id not in own.policies
                )
            )
        else:
            keep_keys = exists and account_id in divergence.touched
            try:
                left_out = await self.database.write(
                    lambda tx: tx.restore.account(known, prompts, keep_keys=keep_keys)
                )
            except Refused:
                report.findings.append(f"{account_id}: another account is named {known.account.ref}.")
                return False
        report.findings += [
            f"{account_id}: {setting} of the lost time conflicts with a later setting, and is left out."
            for setting in left_out
        ]
        self.ring.forget(account_id)
        report.findings += await self.requests.restore(account_id)
        return True

    async def _lost(
        self,
        account_id: str,
        names: Sequence[ObjectName],
        row: Revisions | None,
        divergence: Divergence,
        report: Report,
    ) -> list[LostAccount]:
        """Return the states the database lacks: the anchored history's newest, then all others, newest first."""
        passed: Sequence[ObjectName] = ()
        if row is not None:
            sorted_names = (await sort_by_history(self.database, names)).behind(divergence.fork)
            newer = sorted_names.own_since(written=row.written, now=row.now)
            names = [*sorted_names.ahead, *sorted_names.foreign, *newer]
            passed = [one for one in sorted_names.not_noted(written=row.written) if one not in newer]
        # Sort by the anchored log, not by the database's tree, which may be empty or the discarded history.
        anchored = sort_names(names, divergence.roots)
        found, others, same = list[LostAccount](), list[LostAccount](), list[LostAccount]()
        try:
            for name in anchored.own:
                if not found and (known := await self._opened(name, report)) is not None:
                    found.append(LostAccount(known=known, anchored=True))
            for name in [*anchored.ahead, *anchored.foreign]:
                if (known := await self._opened(name, report)) is not None:
                    others.append(LostAccount(known=known, anchored=False))
            for name in passed:
                if (known := await self._opened(name, report)) is not None:
                    same.append(LostAccount(known=known, anchored=False, only_keys=True))
        except OwnKeyUnusable as error:
            # Do not fall back to an older object: it may decrypt, but later changes would be lost silently.
            report.findings.append(
                f"{account_id}: {error} Restore again into an empty database when it can be used."
            )
            return []
        others.sort(key=lambda account: account.known.as_of, reverse=True)
        return [*found, *others, *same]

    async def _opened(self, name: ObjectName, report: Report) -> AccountObject | None:
        """Decrypt an object; if it cannot be used, add a finding and return None. Raises OwnKeyUnusable."""
        try:
            return await open_account_object(self.objects, self.ring, name)
        except (Tampered, NotFound) as error:
            report.findings.append(f"{location_of(name)}: {error}")
            return None

    async def _prompts(self, known: AccountObject, report: Report) -> dict[str, StoredPrompt]:
        prompts = {}
        for notice_id, digest in prompts_of(known[NOTICES]).items():
            location = prompt_location(known.account.id, digest.sha256)
            try:
                message = await self.objects.read(location, 0, await self.objects.size(location))
            except (NotFound, Tampered):
                message = b""
            if not hmac.compare_digest(hashlib.sha256(message).hexdigest(), digest.sha256):
                report.findings.append(f"{location}: the audio of notice {notice_id} is missing or changed.")
                continue
            prompts[notice_id] = StoredPrompt(message=message, key_version=digest.key_version)
        return prompts


def _offs(acts: Sequence[Act]) -> Mapping[str, Sequence[SwitchChange]]:
    """Return the journal's switch-off changes, by account."""
    offs: dict[str, list[SwitchChange]] = {}
    for act in acts:
        if isinstance(act.content, SwitchChange) and act.event.account_id is not None:
            offs.setdefault(act.event.account_id, []).append(act.content)
    return offs


def _switch(
    tx: Transaction, account_id: str, changes: Sequence[SwitchChange], divergence: Divergence, actor: str
) -> None:
    """Merge the histories of a switch; off wins."""
    tx.lock_account(account_id, exclusive=True)
    current = tx.accounts.switch_history(account_id)
    logged = divergence.lost.switch.get(account_id, ())
    history = merge_history(current, changes, logged)
    closing = history[-1].enabled and closes(
        current, changes, logged, divergence.own.switch.get(account_id, ())
    )
    if closing:
        now = tx.now()
        history.append(
            SwitchChange(enabled=False, epoch=history[-1].epoch + 1, at=now, by=actor, reason=_CLOSED)
        )
    if tx.restore.switch(account_id, history) and history[-1].enabled:
        # Recordings received since the last switch-off get the epoch of the last switch-on.
        last_off = max(change.at for change in history if not change.enabled)
        tx.restore.carry_epoch(account_id, history[-1].epoch, since=last_off)
    if closing:
        event = AccessEvent(
            type="switch.changed", at=history[-1].at, account_id=account_id, actor=actor, result="off"
        )
        tx.events.append(event)

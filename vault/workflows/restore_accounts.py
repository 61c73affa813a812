"""The accounts of a restore: from their objects, and from what the log says of their switches."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.access_event import AccessEvent
from vault.domain.account import SwitchChange
from vault.domain.account_object import (
    AccountObject,
    KeptPrompt,
    decode_account,
    decode_envelope,
    prompt_location,
)
from vault.domain.account_object_name import PREFIX, ObjectName, SortedNames, location_of, parse_location
from vault.domain.reason import Reason
from vault.domain.replay import closes, merge_history
from vault.domain.restoring import Report, Seen
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.ports.restoring import Revisions
from vault.sealing.message import open_message
from vault.workflows.own_history import sort_by_history
from vault.workflows.restore_log import Parted

#: Why a switch is off that one of two histories left on.
_CLOSED = "A restore joined two histories of the database, and recording was switched off in one of them."
_REFUSED = Reason(
    code="switched_off_since_receipt",
    text="Recording was switched off while this recording was on its way.",
    source="recording-switch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAccounts:
    """Bring accounts to what their newest object says, but for what the database did since without it."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def bring_in(self, parted: Parted, report: Report, seen: Seen, *, actor: str) -> None:
        """Bring in every account, and refuse what was on its way when its switch went off."""
        names = await self._names()
        everything = sorted({*names, *parted.lost.switch, *parted.lost.changed})
        for number, account_id in enumerate(everything, 1):
            await self._bring_in(account_id, names.get(account_id, ()), parted, report, actor)
            await seen("accounts", number, len(everything))

    async def fail_closed(self, parted: Parted, report: Report) -> None:
        """Give up what was on its way under a version of its account's key that was destroyed since."""
        for account_id in {*parted.lost.switch, *parted.lost.changed, *await self._names()}:
            failed = await self.database.write(
                lambda tx, one=account_id: tx.restored.fail_closed(one)  # type: ignore[misc]
            )
            if failed:
                report.findings.append(
                    f"{account_id}: {failed} recordings on their way in were sealed under a key that was "
                    "destroyed since. Uploads can be sent again; announced recordings need another name."
                )

    async def _names(self) -> Mapping[str, Sequence[ObjectName]]:
        """Return the names of each account's objects that lie in the store."""
        found: dict[str, list[ObjectName]] = {}
        async for stored in self.objects.list(PREFIX):
            name = parse_location(stored.key)
            if name is not None:
                found.setdefault(name.account_id, []).append(name)
        return found

    async def _bring_in(
        self, account_id: str, names: Sequence[ObjectName], parted: Parted, report: Report, actor: str
    ) -> None:
        row = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        by_history = await sort_by_history(self.database, names)
        if row is not None:
            by_history = by_history.behind(parted.fork)
        lost = await self._lost(account_id, by_history, row, report)
        known = lost[0] if lost else None
        if known is None and row is None:
            report.findings.append(f"{account_id}: its object is missing, so the account is lost.")
            return
        if known is not None and not await self._put(known, parted, report, there=row is not None):
            return
        changed = parted.lost.changed.get(account_id)
        if changed is not None and (known is None or changed > known.as_of):
            report.findings.append(
                f"{account_id}: its object is older than the account's last change of {changed:%Y-%m-%d %H:%M:%S} "
                "UTC. Check its connections, consent policy, objections and notices."
            )
        kept = [change for one in lost for change in one.history]
        refused = await self.database.write(lambda tx: _switch(tx, account_id, kept, parted, actor))
        report.add("refused", refused)

    async def _put(self, known: AccountObject, parted: Parted, report: Report, *, there: bool) -> bool:
        """Bring an account to what its object says, or add that to what it became since; False if it has no place."""
        account_id, prompts = known.account.id, await self._prompts(known, report)
        own = parted.own
        if there and (account_id in own.changed or account_id in own.switch):
            # What was acknowledged since the histories parted stays as it is.
            left_out = await self.database.write(
                lambda tx: tx.restored.lost_account(
                    known, prompts, but=own.deleted_connections, policies=account_id not in own.policies
                )
            )
        else:
            keep_keys = there and account_id in parted.touched
            try:
                left_out = await self.database.write(
                    lambda tx: tx.restored.account(known, prompts, keep_keys=keep_keys)
                )
            except Refused:
                report.findings.append(f"{account_id}: another account is named {known.account.ref}.")
                return False
        report.findings += [
            f"{account_id}: {words} of the lost time has no place beside what was set since, and is left out."
            for words in left_out
        ]
        self.ring.forget(account_id)
        report.add("accounts")
        return True

    async def _lost(
        self, account_id: str, names: SortedNames, row: Revisions | None, report: Report
    ) -> list[AccountObject]:
        """Return what the database has not, by its objects of other histories and newer ones; the newest first."""
        older = names.own if row is None else names.own_since(written=row.written, now=row.now)
        found: list[AccountObject] = []
        for name in [*names.ahead, *names.foreign, *older]:
            if found and name in older:
                break  # Only the newest of one's own history counts.
            try:
                found.append(await self._open(name))
            except (Tampered, NotFound) as error:
                report.findings.append(f"{location_of(name)}: {error}")
            except OwnKeyUnusable as error:
                # An older one is no substitute: it may open, and what changed since would be lost unsaid.
                report.findings.append(
                    f"{account_id}: {error} Restore again into an empty database when it can be used."
                )
                return []
        return sorted(found, key=lambda one: one.as_of, reverse=True)

    async def _open(self, name: ObjectName) -> AccountObject:
        location, account_id = location_of(name), name.account_id
        envelope = decode_envelope(await self.objects.read(location, 0, await self.objects.size(location)))
        if envelope.name != name or not envelope.keys:
            raise Tampered("It is not the object that it is named after.")
        newest = max(envelope.keys)
        key = await self.ring.unwrap(account_id, newest, envelope.keys[newest])
        context = bound.of_account_object(account_id, name.revision, envelope.log)
        return decode_account(open_message(key.key, envelope.sealed, context=context), envelope)

    async def _prompts(self, known: AccountObject, report: Report) -> dict[str, KeptPrompt]:
        prompts = {}
        for notice_id, (digest, version) in known.prompts.items():
            location = prompt_location(known.account.id, digest)
            try:
                message = await self.objects.read(location, 0, await self.objects.size(location))
            except (NotFound, Tampered):
                message = b""
            if not hmac.compare_digest(hashlib.sha256(message).hexdigest(), digest):
                report.findings.append(f"{location}: the audio of notice {notice_id} is missing or changed.")
                continue
            prompts[notice_id] = KeptPrompt(message=message, key_version=version)
        return prompts


def _switch(
    tx: Transaction, account_id: str, kept: Sequence[SwitchChange], parted: Parted, actor: str
) -> int:
    """Join the histories of a switch; the closed one wins. Return how many recordings on their way are refused."""
    tx.lock_account(account_id, exclusive=True)
    there = tx.accounts.switch_history(account_id)
    logged = parted.lost.switch.get(account_id, ())
    history = merge_history(there, kept, logged)
    closing = history[-1].enabled and closes(there, kept, logged, parted.own.switch.get(account_id, ()))
    if closing:
        now = tx.now()
        history.append(
            SwitchChange(enabled=False, epoch=history[-1].epoch + 1, at=now, by=actor, reason=_CLOSED)
        )
    refused = 0
    if tx.restored.switch(account_id, history):
        last_off = max(one.at for one in history if not one.enabled)
        until = last_off if history[-1].enabled else None
        refused = tx.restored.refuse_received(account_id, _REFUSED, until=until)
        if until is not None:
            tx.restored.carry_epoch(account_id, history[-1].epoch, since=until)
    if closing:
        event = AccessEvent(
            type="switch.changed", at=history[-1].at, account_id=account_id, actor=actor, result="off"
        )
        tx.events.append(event)
    return refused

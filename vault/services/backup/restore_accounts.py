"""The accounts of a restore: from their objects, and from what the log says of their switches."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain.accounts.account import SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.replay import closes, merge_history
from vault.domain.progress import ProgressCallback, Report
from vault.domain.reason import Reason
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.account_object import (
    AccountObject,
    KeptPrompt,
    decode_account,
    decode_envelope,
    prompt_location,
)
from vault.domain.stored.account_object_name import ObjectName, location_of, sort_names
from vault.domain.stored.closing_acts import Act
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.ports.restoring import Revisions
from vault.sealing.message import open_message
from vault.services.audit_log.own_history import sort_by_history
from vault.services.backup.restore_log import Divergence

#: Why a switch is off that one of two histories left on.
_CLOSED = "A restore joined two histories of the database, and recording was switched off in one of them."
_REFUSED = Reason(
    code="switched_off_since_receipt",
    text="Recording was switched off while this recording was on its way.",
    source="recording-switch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAccount:
    """An account as one of its objects says that it was."""

    known: AccountObject
    #: Of the history that is anchored. Of another, what it says is only added.
    anchored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAccounts:
    """Bring accounts to what their newest object says, but for what the database did since without it."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    #: Of all objects of accounts that lay in the store when the restore began, by account.
    names: Mapping[str, Sequence[ObjectName]]

    async def bring_in(
        self,
        parted: Divergence,
        acts: Sequence[Act],
        report: Report,
        progress: ProgressCallback,
        *,
        actor: str,
    ) -> None:
        """Bring in every account, with its switch as both histories and the journal have it."""
        names, offs = self.names, _offs(acts)
        everything = sorted({*names, *offs, *parted.lost.switch, *parted.lost.changed})
        for number, account_id in enumerate(everything, 1):
            kept = await self._bring_in(account_id, names.get(account_id, ()), parted, report)
            if kept is not None:
                kept = [*kept, *offs.get(account_id, ())]
                await self.database.write(
                    lambda tx, one=account_id, kept=kept: _switch(tx, one, kept, parted, actor)  # type: ignore[misc]
                )
            await progress("accounts", number, len(everything))

    async def refuse_in_flight(self, report: Report) -> None:
        """Do what the switch does when it goes off, for what no manifest has brought in."""
        report.add("refused", await self.database.write(lambda tx: tx.restored.refuse_stale(_REFUSED)))

    async def fail_closed(self, parted: Divergence, report: Report) -> None:
        """Give up what was on its way under a version of its account's key that was destroyed since."""
        for account_id in {*parted.lost.switch, *parted.lost.changed, *self.names}:
            failed = await self.database.write(
                lambda tx, one=account_id: tx.restored.fail_closed(one)  # type: ignore[misc]
            )
            if failed:
                report.findings.append(
                    f"{account_id}: {failed} recordings on their way in were sealed under a key that was "
                    "destroyed since. Uploads can be sent again; announced recordings need another name."
                )

    async def _bring_in(
        self, account_id: str, names: Sequence[ObjectName], parted: Divergence, report: Report
    ) -> Sequence[SwitchChange] | None:
        """Bring an account in; return what its objects say of its switch, None where it has no row."""
        row = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        lost = await self._lost(account_id, names, row, parted, report)
        there = row is not None
        for one in lost:
            if not await self._put(one, parted, report, there=there):
                return None
            there = True
        if not there:
            report.findings.append(f"{account_id}: its object is missing, so the account is lost.")
            return None
        if lost:
            report.add("accounts")
        changed = parted.lost.changed.get(account_id)
        if changed is not None and (not lost or changed > lost[0].known.as_of):
            report.findings.append(
                f"{account_id}: its object is older than the account's last change of {changed:%Y-%m-%d %H:%M:%S} "
                "UTC. Check its connections, consent policy, objections and notices."
            )
        return [change for one in lost for change in one.known.history]

    async def _put(self, one: LostAccount, parted: Divergence, report: Report, *, there: bool) -> bool:
        """Bring an account to what its object says, or add that to what it became since; False if it has no place."""
        known, own = one.known, parted.own
        account_id, prompts = known.account.id, await self._prompts(known, report)
        if there and (not one.anchored or account_id in own.changed or account_id in own.switch):
            # What was acknowledged since the histories parted stays as it is.
            deleted = own.deleted_connections | parted.lost.deleted_connections
            left_out = await self.database.write(
                lambda tx: tx.restored.lost_account(
                    known, prompts, but=deleted, policies=account_id not in own.policies
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
        return True

    async def _lost(
        self,
        account_id: str,
        names: Sequence[ObjectName],
        row: Revisions | None,
        parted: Divergence,
        report: Report,
    ) -> list[LostAccount]:
        """Return what the database has not: the newest of the anchored history, then all of others, newest first."""
        if row is not None:
            sorted_names = (await sort_by_history(self.database, names)).behind(parted.fork)
            newer = sorted_names.own_since(written=row.written, now=row.now)
            names = [*sorted_names.ahead, *sorted_names.foreign, *newer]
        # The anchored log, and no tree of one's own, which may be empty or of the history that lost.
        anchored = sort_names(names, parted.roots)
        found, others = list[LostAccount](), list[LostAccount]()
        try:
            for name in anchored.own:
                if not found and (known := await self._opened(name, report)) is not None:
                    found.append(LostAccount(known=known, anchored=True))
            for name in [*anchored.ahead, *anchored.foreign]:
                if (known := await self._opened(name, report)) is not None:
                    others.append(LostAccount(known=known, anchored=False))
        except OwnKeyUnusable as error:
            # An older one is no substitute: it may open, and what changed since would be lost unsaid.
            report.findings.append(
                f"{account_id}: {error} Restore again into an empty database when it can be used."
            )
            return []
        return found + sorted(others, key=lambda one: one.known.as_of, reverse=True)

    async def _opened(self, name: ObjectName, report: Report) -> AccountObject | None:
        """Open an object; None, and a finding, where it cannot be used. Raises OwnKeyUnusable."""
        try:
            return await self._open(name)
        except (Tampered, NotFound) as error:
            report.findings.append(f"{location_of(name)}: {error}")
            return None

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


def _offs(acts: Sequence[Act]) -> Mapping[str, Sequence[SwitchChange]]:
    """Return the changes to off that the journal has, by account."""
    offs: dict[str, list[SwitchChange]] = {}
    for act in acts:
        if isinstance(act.content, SwitchChange) and act.event.account_id is not None:
            offs.setdefault(act.event.account_id, []).append(act.content)
    return offs


def _switch(
    tx: Transaction, account_id: str, kept: Sequence[SwitchChange], parted: Divergence, actor: str
) -> None:
    """Join the histories of a switch; the closed one wins."""
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
    if tx.restored.switch(account_id, history) and history[-1].enabled:
        # What was received since recording was last off is as good as what came after an on.
        last_off = max(one.at for one in history if not one.enabled)
        tx.restored.carry_epoch(account_id, history[-1].epoch, since=last_off)
    if closing:
        event = AccessEvent(
            type="switch.changed", at=history[-1].at, account_id=account_id, actor=actor, result="off"
        )
        tx.events.append(event)

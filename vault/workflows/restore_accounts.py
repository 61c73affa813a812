"""The accounts of a restore: from their objects, and from what the log says of their switches."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vault.domain import encryption_context as bound
from vault.domain.account_object import (
    AccountObject,
    KeptPrompt,
    decode_account,
    decode_envelope,
    prompt_location,
)
from vault.domain.account_object_name import PREFIX, ObjectName, SortedNames, location_of, parse_location
from vault.domain.reason import Reason
from vault.domain.replay import Replay, merge_history
from vault.domain.restoring import Report, Seen
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore
from vault.sealing.message import open_message
from vault.workflows.own_history import sort_by_history

_REFUSED = Reason(
    code="switched_off_since_receipt",
    text="Recording was switched off while this recording was on its way.",
    source="recording-switch",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAccounts:
    """Bring accounts to what their newest object says, unless the database is as new."""

    database: Database
    objects: ObjectStore
    ring: KeyRing

    async def bring_in(self, replay: Replay, report: Report, seen: Seen) -> Sequence[str]:
        """Return the accounts whose switch went off since the database was copied."""
        names = await self._names()
        went_off = []
        everything = sorted({*names, *replay.switch, *replay.changed})
        for number, account_id in enumerate(everything, 1):
            if await self._bring_in(account_id, names.get(account_id, ()), replay, report):
                went_off.append(account_id)
            await seen("accounts", number, len(everything))
        return went_off

    async def refuse_in_flight(self, account_ids: Sequence[str], report: Report) -> None:
        """Do what the switch does when it goes off, for what no manifest has brought in."""
        for account_id in account_ids:
            refused = await self.database.write(
                lambda tx, one=account_id: tx.queue.refuse_in_flight(one, _REFUSED)  # type: ignore[misc]
            )
            report.add("refused", len(refused))

    async def fail_closed(self, replay: Replay, report: Report) -> None:
        """Give up what was on its way under a version of its account's key that was destroyed since."""
        for account_id in {*replay.switch, *replay.changed, *await self._names()}:
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
        self, account_id: str, names: Sequence[ObjectName], replay: Replay, report: Report
    ) -> bool:
        row = await self.database.read(lambda tx: tx.account_objects.revisions(account_id))
        by_history = await sort_by_history(self.database, names)
        report.findings += [
            f"{location_of(one)}: it was written by another history of the database and is left alone."
            for one in by_history.foreign
        ]
        newer = _newer(by_history, None if row is None else row.now)
        known = await self._newest(account_id, newer, report)
        if known is not None:
            prompts = await self._prompts(known, report)
            try:
                await self.database.write(lambda tx: tx.restored.account(known, prompts))
            except Refused:
                report.findings.append(f"{account_id}: another account is named {known.account.ref}.")
                return False
            self.ring.forget(account_id)
            report.add("accounts")
        elif row is None:
            report.findings.append(f"{account_id}: its object is missing, so the account is lost.")
            return False
        changed = replay.changed.get(account_id)
        if changed is not None and (known is None or changed > known.as_of):
            report.findings.append(
                f"{account_id}: its object is older than the account's last change of {changed:%Y-%m-%d %H:%M:%S} "
                "UTC. Check its connections, consent policy, objections and notices."
            )
        return await self.database.write(lambda tx: self._switch(tx, account_id, known, replay))

    async def _newest(
        self, account_id: str, names: Sequence[ObjectName], report: Report
    ) -> AccountObject | None:
        for name in names:
            try:
                return await self._open(name)
            except (Tampered, NotFound) as error:
                report.findings.append(f"{location_of(name)}: {error}")
            except OwnKeyUnusable as error:
                # An older one is no substitute: it may open, and what changed since would be lost unsaid.
                report.findings.append(
                    f"{account_id}: {error} Restore again into an empty database when it can be used."
                )
                break
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

    def _switch(self, tx: Transaction, account_id: str, known: AccountObject | None, replay: Replay) -> bool:
        tx.lock_account(account_id, exclusive=True)
        there = tx.accounts.switch_history(account_id)
        kept = known.history if known is not None else ()
        history = merge_history(there, kept, replay.switch.get(account_id, ()))
        return tx.restored.switch(account_id, history)


def _newer(names: SortedNames, revision: int | None) -> list[ObjectName]:
    """Return what may be newer than the row, whose revision is None if there is none; newest first."""
    own = [name for name in names.own if revision is None or name.revision > revision]
    return [*names.ahead, *own]

"""The register of recipients and sub-processors: enter, change, end and list them. An entry is never deleted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from vault.domain.registers.checks import check_chain, check_recipient
from vault.domain.registers.entries import Entry, Recipient
from vault.errors import Refused
from vault.ports.clock import Clock
from vault.services.registers.sealed_entries import Change, SealedEntries


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipients:
    """Enter, change, end and list recipients."""

    entries: SealedEntries[Recipient]
    clock: Clock

    async def enter(self, account_id: str, recipient: Recipient, *, actor: str) -> Entry[Recipient]:
        """Enter a recipient. Raises Invalid, naming the field."""
        check_recipient(recipient)
        await self._check_parent(account_id, None, recipient.parent)
        return await self.entries.add(
            account_id, Change(content=recipient, event="recipient.entered"), actor=actor
        )

    async def change(
        self, account_id: str, entry_id: str, merge: Callable[[Recipient], Recipient], *, actor: str
    ) -> Entry[Recipient]:
        """Change some fields. Raises NotFound, Invalid, naming the field, Refused for an ended recipient."""
        current = await self.entries.get(account_id, entry_id)
        await self._check_parent(account_id, entry_id, merge(current.content).parent)

        def change(before: Recipient) -> Change[Recipient]:
            after = merge(before)
            if before.until is not None and after != before:
                raise Refused("This recipient has ended; enter it again as a new one.", reasons=("ended",))
            check_recipient(after)
            return Change(content=after, event="recipient.changed")

        return await self.entries.change(account_id, entry_id, change, actor=actor)

    async def end(
        self, account_id: str, entry_id: str, until: date | None, *, actor: str
    ) -> Entry[Recipient]:
        """Set the last day of a recipient, by default today.

        A repeated call with the same day, or without one, changes nothing.

        Raises NotFound, Invalid for a day before the first one, Refused if it has ended on another day.
        """

        def end(before: Recipient) -> Change[Recipient]:
            if before.until is not None and until not in {None, before.until}:
                raise Refused("This recipient has ended already.", reasons=("ended",))
            after = replace(before, until=before.until or until or self.clock().date())
            check_recipient(after)
            return Change(content=after, event="recipient.ended")

        return await self.entries.change(account_id, entry_id, end, actor=actor)

    async def get(self, account_id: str, entry_id: str) -> Entry[Recipient]:
        """Return a recipient. Raises NotFound."""
        return await self.entries.get(account_id, entry_id)

    async def page(
        self, account_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Entry[Recipient]]:
        """Return recipients, also ended ones, newest first, those after the item ``before``."""
        return await self.entries.page(account_id, before=before, limit=limit)

    async def _check_parent(self, account_id: str, entry_id: str | None, parent: str | None) -> None:
        if parent is not None:
            every = await self.entries.every(account_id)
            check_chain(entry_id, parent, {each.id: each.content.parent for each in every})

"""The register of requests of authorities: enter, change, answer and list them, and export their counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.domain.audit_log.access_event import EventType
from vault.domain.registers.checks import check_authority_request, check_new_authority_request
from vault.domain.registers.entries import AuthorityRequest, Entry
from vault.domain.registers.transparency import TransparencyReport, count_requests
from vault.ports.clock import Clock
from vault.services.registers.sealed_entries import Change, SealedEntries


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityRequests:
    """Enter, change, answer and list requests of authorities; count those of a year."""

    entries: SealedEntries[AuthorityRequest]
    clock: Clock

    async def check(self, request: AuthorityRequest) -> None:
        """Raise Invalid, naming the field, for a request that ``enter`` does not take."""
        check_new_authority_request(request, now=self.clock())

    async def enter(
        self, account_id: str, request: AuthorityRequest, *, actor: str
    ) -> Entry[AuthorityRequest]:
        """Enter a request. Raises Invalid, naming the field."""
        await self.check(request)
        return await self.entries.add(
            account_id, Change(content=request, event="authority.received"), actor=actor
        )

    async def change(
        self,
        account_id: str,
        entry_id: str,
        merge: Callable[[AuthorityRequest], AuthorityRequest],
        *,
        actor: str,
    ) -> Entry[AuthorityRequest]:
        """Change some fields, such as the decision. Raises NotFound, Invalid, naming the field."""

        def change(before: AuthorityRequest) -> Change[AuthorityRequest]:
            after = merge(before)
            check_authority_request(after)
            answered = after.decision is not None and after.decision != before.decision
            event: EventType = "authority.answered" if answered else "authority.changed"
            return Change(content=after, event=event)

        return await self.entries.change(account_id, entry_id, change, actor=actor)

    async def get(self, account_id: str, entry_id: str) -> Entry[AuthorityRequest]:
        """Return a request. Raises NotFound."""
        return await self.entries.get(account_id, entry_id)

    async def page(
        self, account_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Entry[AuthorityRequest]]:
        """Return requests, newest first, those after the item ``before``."""
        return await self.entries.page(account_id, before=before, limit=limit)

    async def report(self, account_id: str, year: int) -> TransparencyReport:
        """Count the requests of a year, without those that are still secret."""
        every = await self.entries.every(account_id)
        return count_requests((entry.content for entry in every), year, now=self.clock())

"""The register of requests of authorities: enter, change, answer and list them, and export their counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.domain.registers.checks import check_authority_request, check_new_authority_request
from vault.domain.registers.entries import AuthorityRequest, Entry
from vault.domain.registers.transparency import TransparencyReport, count_requests
from vault.errors import Busy
from vault.ports.clock import Clock
from vault.services.registers.preservation import further_hold_of, hold_of, prepare_hold
from vault.services.registers.sealed_entries import Change, SealedEntries
from vault.services.retention.place_hold import PlaceHold, PreparedHold


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityRequests:
    """Enter, change, answer and list requests of authorities; count those of a year."""

    entries: SealedEntries[AuthorityRequest]
    place_hold: PlaceHold
    clock: Clock

    async def enter(
        self, account_id: str, request: AuthorityRequest, *, actor: str
    ) -> Entry[AuthorityRequest]:
        """Enter a request; one for ``preservation`` together with its hold.

        Raises Invalid, naming the field, Refused if no further hold can be placed.
        """
        check_new_authority_request(request, now=self.clock())
        change = Change(content=request, event="authority.received")
        if request.kind == "preservation":
            wanted = hold_of(request, request.numbers)
            hold = await prepare_hold(self.place_hold, account_id, wanted, request, actor=actor)
            change = _with_hold(change, hold)
        return await self.entries.add(account_id, change, actor=actor)

    async def change(
        self,
        account_id: str,
        entry_id: str,
        merge: Callable[[AuthorityRequest], AuthorityRequest],
        *,
        actor: str,
    ) -> Entry[AuthorityRequest]:
        """Change some fields, such as the decision, and hold what the change adds to one for ``preservation``.

        Raises NotFound, Invalid, naming the field, Refused if no further hold can be placed, Busy if a change at the
        same time adds other numbers. Then the request is not changed, and nothing is held.
        """
        before = (await self.get(account_id, entry_id)).content
        after = merge(before)
        wanted, hold = further_hold_of(before, after), None
        if wanted is not None:
            hold = await prepare_hold(self.place_hold, account_id, wanted, after, actor=actor)

        def change(current: AuthorityRequest) -> Change[AuthorityRequest]:
            changed = _changed(current, merge(current))
            needed = further_hold_of(current, changed.content)
            if needed is None:
                return changed
            if hold is None or needed != wanted:
                raise Busy("Another request changed this entry. Send the request again.", retry_after=1)
            return _with_hold(changed, hold)

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


def _changed(before: AuthorityRequest, after: AuthorityRequest) -> Change[AuthorityRequest]:
    check_authority_request(after)
    answered = after.decision is not None and after.decision != before.decision
    return Change(content=after, event="authority.answered" if answered else "authority.changed")


def _with_hold(change: Change[AuthorityRequest], hold: PreparedHold) -> Change[AuthorityRequest]:
    content = change.content.with_hold(hold.stored.hold.id)
    return replace(change, content=content, also=hold.write)

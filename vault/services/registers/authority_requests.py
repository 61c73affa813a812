"""The register of requests of authorities: enter, change, answer and list them, and export their counts.

A request for preservation holds calls: those of its numbers, and of what later changes add.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.domain.registers.checks import check_authority_request, check_new_authority_request
from vault.domain.registers.entries import AuthorityRequest, Entry
from vault.domain.registers.transparency import TransparencyReport, count_requests
from vault.domain.retention.hold import MAX_COVERED
from vault.errors import Busy, Invalid
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.registers.sealed_entries import Change, SealedEntries
from vault.services.retention.place_hold import HoldRequest, PlaceHold, PreparedHold

#: After which a preservation without a day of its own is reviewed, as under 18 U.S.C. 2703(f).
_PRESERVATION: Final = timedelta(days=90)


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


def hold_of(request: AuthorityRequest, numbers: tuple[str, ...]) -> HoldRequest:
    """Return the hold on some numbers of a request for preservation. Raises Invalid, naming a field of its body."""
    check_authority_request(request)
    if len(numbers) > MAX_COVERED:
        text = Sentence("A hold has at most %(most)s numbers. Enter several requests.", most=MAX_COVERED)
        raise Invalid(text, field="numbers")
    if request.period_from is not None and request.period_from == request.period_to:
        raise Invalid("period_to must be after period_from.", field="period_to")
    return HoldRequest(
        name=request.authority,
        reason=request.instrument.strip() or request.kind,
        numbers=numbers,
        from_=request.period_from,
        to=request.period_to,
        ends_at=request.due_at or request.received_at + _PRESERVATION,
    )


def further_hold_of(before: AuthorityRequest, after: AuthorityRequest) -> HoldRequest | None:
    """Return the hold that a changed request for preservation needs besides those it has; None if it needs none.

    It is on the added numbers, or on all numbers if the time of their calls begins earlier or ends later. What a change
    takes out stays held: a hold ends by its release alone. Raises Invalid, naming a field of the body.
    """
    if after.kind != "preservation":
        return None
    had = frozenset[str]() if _is_longer(before, after) else frozenset(before.numbers)
    added = tuple(number for number in after.numbers if number not in had)
    return hold_of(after, added) if added else None


async def prepare_hold(
    place_hold: PlaceHold, account_id: str, wanted: HoldRequest, request: AuthorityRequest, *, actor: str
) -> PreparedHold:
    """Prepare a hold of a request. Raises Invalid, naming a field of the request's body."""
    try:
        return await place_hold.prepare(account_id, wanted, actor=actor)
    except Invalid as error:
        head, _, place = (error.field or "").rpartition(".")
        if head != "covers.numbers":
            raise
        wrong = request.numbers.index(wanted.numbers[int(place)])
        raise Invalid(str(error), field=f"numbers.{wrong}") from error


def _is_longer(before: AuthorityRequest, after: AuthorityRequest) -> bool:
    start, end = before.period_from, before.period_to
    earlier = start is not None and (after.period_from is None or after.period_from < start)
    return earlier or (end is not None and (after.period_to is None or after.period_to > end))

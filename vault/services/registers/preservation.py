"""The holds of requests of authorities for preservation: on their numbers, and on what later changes add."""

from datetime import timedelta
from typing import Final

from vault.domain.registers.checks import check_authority_request
from vault.domain.registers.entries import AuthorityRequest
from vault.domain.retention.hold import MAX_COVERED
from vault.errors import Invalid
from vault.sentence import Sentence
from vault.services.retention.place_hold import HoldRequest, PlaceHold, PreparedHold

#: After which a preservation without a day of its own is reviewed, as under 18 U.S.C. 2703(f).
_PRESERVATION: Final = timedelta(days=90)


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

"""Find the contact of a call in a system: by its number alone, and only a hit whose number is the very same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.crm.handover import Candidate, Target
from vault.domain.crm.verdict import Accepted, Gone
from vault.domain.handover.handover import Cause, StoredHandover
from vault.domain.outbox.message import Standing
from vault.errors import Busy
from vault.ports.numbers import Numbers
from vault.rfc3339 import write_rfc3339
from vault.services.handover.call_text import CallText
from vault.services.handover.stored_integration import KnownContact, log_handover
from vault.services.outbox.kinds.handovers.exchange import Exchange
from vault.services.outbox.kinds.handovers.steps import require_unchanged

#: Candidates that are kept for a person to decide on.
MAX_CANDIDATES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where a record is written, or why nowhere."""

    target: Target | None = None
    cause: Cause | None = None
    candidates: tuple[KnownContact, ...] = ()


async def find_contact(
    exchange: Exchange, numbers: Numbers, call: CallText, handover: StoredHandover
) -> Match:
    """Look the number of a call up. That tells it to the system, so it is logged before.

    Raises AttemptEnds, and PermissionTooOld if the recording was erased meanwhile.
    """
    forms = None if call.number is None else numbers.forms(call.number)
    if call.number is None or forms is None:
        return Match(cause=call.cause or "internal_number")
    opened, permission = exchange.opened, exchange.permission
    searches = opened.system.find(forms, opened.access)
    for place, request in enumerate(searches):
        exchange.require_budget()
        is_first = place == 0

        def look_up(tx: Transaction, standing: Standing, is_first: bool = is_first) -> bool:  # noqa: FBT001 - bound by place
            require_unchanged(standing)
            if is_objected_to(tx, handover, call):
                return False
            if is_first:
                log_handover(tx, "handover.looked_up", handover)
            return True

        if not await permission.renew(look_up):
            return Match(cause="number_objects")
        verdict, reply = await exchange.send("find", request)
        if isinstance(verdict, Gone):
            continue
        if not isinstance(verdict, Accepted):
            raise exchange.end(verdict, reply)
        page = opened.system.candidates(reply)
        if verified := [one for one in page.candidates if is_of(numbers, one, call)]:
            return await _choose(exchange, verified, is_cut=page.is_cut)
    return Match(cause="no_contact")


def is_objected_to(tx: Transaction, handover: StoredHandover, call: CallText) -> bool:
    """Return whether a number of a call has an objection in force."""
    rows = tx.objections.of_call(handover.account_id, call.call_ref, call.terms)
    return any(row.objection.until is None for row in rows)


def unless_objected(
    handover: StoredHandover, call: CallText, leaves: Callable[[Transaction, Standing], bool]
) -> Callable[[Transaction, Standing], Cause | None]:
    """Return what lets a write leave, unless a number of its call has an objection: then that is the cause.

    It raises Busy where what is desired has changed meanwhile.
    """

    def leave(tx: Transaction, standing: Standing) -> Cause | None:
        if is_objected_to(tx, handover, call):
            return "number_objects"
        if not leaves(tx, standing):
            raise Busy("The recording changed meanwhile.", retry_after=1)
        return None

    return leave


def is_of(numbers: Numbers, contact: Candidate, call: CallText) -> bool:
    """Return whether a contact has the number of a call: one that can mean another number as well does not count."""
    same = frozenset({call.number})
    return any(numbers.readings(one, call.regions) == same for one in contact.numbers)


async def _choose(exchange: Exchange, found: Sequence[Candidate], *, is_cut: bool) -> Match:
    """Choose one of the contacts with the number: the only one, the newest, or a person decides."""
    one = found[0]
    if len(found) > 1 or is_cut:
        if exchange.opened.stored.policy.matching == "hold":
            known = [KnownContact(kind=it.kind, id=it.id, name=it.name) for it in found[:MAX_CANDIDATES]]
            return Match(cause="several_contacts", candidates=tuple(known))
        one = max(found, key=lambda it: "" if it.modified_at is None else write_rfc3339(it.modified_at))
    return Match(target=await with_parent(exchange, one))


async def with_parent(exchange: Exchange, contact: Candidate) -> Target:
    """Return the contact as a target, with its open case, ticket or conversation, if the system has those."""
    opened = exchange.opened
    request = opened.system.parent_request(contact, opened.access)
    if request is None:
        return Target(kind=contact.kind, id=contact.id)
    exchange.require_budget()
    await exchange.permission.renew(lambda _tx, standing: require_unchanged(standing))
    verdict, reply = await exchange.send("find", request)
    if not isinstance(verdict, Accepted | Gone):
        raise exchange.end(verdict, reply)
    parent = opened.system.parent_of(reply) if isinstance(verdict, Accepted) else None
    return Target(kind=contact.kind, id=contact.id, parent=parent)

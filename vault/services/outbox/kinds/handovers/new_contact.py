"""Create the contact of a call whose number nobody has, where the account's policy says so."""

from typing import Final

from vault.database.interface import Database
from vault.domain.crm.exchange import CrmRequest
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Refused, Unclear
from vault.domain.handover.handover import StoredHandover
from vault.services.handover.call_text import CallText
from vault.services.handover.stored_integration import HandoverSecrets, seal_handover
from vault.services.outbox.kinds.handovers.contacts import Match, unless_objected
from vault.services.outbox.kinds.handovers.exchange import AttemptEnds, Exchange
from vault.services.outbox.kinds.handovers.steps import finish, writes
from vault.services.shared.account_data_keys import AccountDataKeys

#: The target of a hand-over of which at most a contact was written, and no record: no probe finds one.
_NEW: Final = Target(kind="new_contact")
#: A contact in the place of the one that is not there yet.
_ANY: Final = Target(kind="contact", id="0")


def is_new_contact(target: Target) -> bool:
    """Return whether at most a contact was written."""
    return target == _NEW


async def make_contact(
    exchange: Exchange,
    database: Database,
    data_keys: AccountDataKeys,
    call: CallText,
    handover: StoredHandover,
) -> Match:
    """Create a contact of the number alone; none where the system has no such request, or takes no record with it.

    That tells the system the number, so it is logged before. While the outcome is unknown the hand-over is, so that
    nothing is created again before a search would show the contact. Raises AttemptEnds, Busy.
    """
    system, access = exchange.opened.system, exchange.opened.access
    request = None if call.number is None else system.contact_request(call.text, call.number, access)
    if request is None or isinstance(system.create(call.text, _ANY, access), Refused):
        return Match(cause="no_contact")
    exchange.require_budget()
    sealed = await seal_handover(data_keys, handover.account_id, HandoverSecrets(target=_NEW))
    message = exchange.permission.message
    leaves = writes(message, handover, "handover.sent", state="unknown", cause=None, sealed=sealed)
    if (barred := await exchange.permission.renew(unless_objected(handover, call, leaves))) is not None:
        return Match(cause=barred)
    return await _created(exchange, database, handover, request)


async def _created(
    exchange: Exchange, database: Database, handover: StoredHandover, request: CrmRequest
) -> Match:
    nothing = finish(handover, state="waiting", sealed=None)
    try:
        verdict, reply = await exchange.send("create", request)
    except AttemptEnds:
        await database.write(nothing)
        raise
    contact = exchange.opened.system.contact_of(reply) if isinstance(verdict, Accepted) else None
    if contact is not None:
        return Match(target=Target(kind=contact.kind, id=contact.id))
    if isinstance(verdict, Accepted | Unclear):
        raise exchange.end(Unclear(), reply)
    await database.write(nothing)
    if isinstance(verdict, Refused):
        return Match(cause="refused")
    raise exchange.end(verdict, reply)

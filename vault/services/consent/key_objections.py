"""Objections by a key press in a call, for the number of whoever pressed it.

Of the two numbers of a call one is the account's own, which must not get an objection. So what was pressed before any
report said the direction of the call waits in its consent event, and is entered when the direction is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.stores.consent import ConsentRow
from vault.domain.calls.call import CallFacts
from vault.domain.consent.call_claims import outside_parties
from vault.domain.consent.consent_event import Party
from vault.services.admission.call_context import CallContext
from vault.services.consent.enter_objection import ObjectionList
from vault.services.shared.encrypted_fields import open_consent
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyObjections:
    """Enter the objections of the key presses of a call."""

    objection_list: ObjectionList

    async def enter_waiting(self, account_id: str, call_ref: str, rows: Sequence[ConsentRow]) -> None:
        """Enter what waits in the consent events of a call whose direction was stored. Raises Tampered, Unavailable."""
        async for row in paced(rows):
            if (await open_consent(self.objection_list.ring, row)).objects:
                await self.enter(account_id, call_ref)
                return

    async def enter(self, account_id: str, call_ref: str, *, said: CallFacts | None = None) -> None:
        """Enter what the call's parties objected to, if it is known which of them is outside the account.

        ``said`` is what the platform reports with the key press: its direction counts above other reports. Repeated,
        it changes nothing; an objection that was ended after the key press stays ended.
        """
        known = await self.objection_list.admission.load_call(
            account_id, call_ref, *([] if said is None else [said])
        )
        direction = None if said is None else said.direction
        outside = known.claims.outside if direction is None else outside_parties(direction)
        if len(outside) > 1:
            return
        (party,) = outside
        pressed = [event for event in known.events if event.objects and event.party == party]
        number = _number_of(known, party)
        if not pressed or number is None or await self._is_closed(account_id):
            return
        places = [place for hints in known.hints.values() for place in hints]
        places += [known.facts.caller_place, known.facts.callee_place]
        newest = pressed[-1]
        await self.objection_list.enter_reported(
            account_id,
            number,
            places,
            reason="key press in a call",
            actor=newest.told_by,
            said_at=newest.heard_at,
        )

    async def _is_closed(self, account_id: str) -> bool:
        return await self.objection_list.database.read(lambda tx: tx.closures.has_begun(account_id))


def _number_of(known: CallContext, party: Party) -> str | None:
    """Return what the party was first reported as: later legs of a call may have other numbers."""
    name = "caller" if party == "caller" else "callee"
    reported = (getattr(statement, name) for statement in known.statements)
    return next((number for number in reported if number is not None), None)

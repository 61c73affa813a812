"""Objections by a key press in a call, for the number of the party that pressed it.

What was pressed before any report told who is outside the account waits in its consent events, one for each party, and
is entered when the direction is stored; so is what could not be entered when it was pressed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.stores.consent.consent import ConsentRow
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.consent.objecting_party import Objector, objector_of
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.consent.enter_objection import ObjectionList
from vault.services.shared.encrypted_fields import open_consents


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyObjections:
    """Enter the objections of the key presses of a call."""

    objection_list: ObjectionList
    call_opener: CallOpener

    async def enter_waiting(self, account_id: str, call_ref: str, rows: Sequence[ConsentRow]) -> None:
        """Enter what the consent events of a call say whose direction was stored. Raises Tampered, Unavailable.

        Repeated, it changes nothing; an objection that was ended after the key press stays ended.
        """
        opened = await open_consents(self.objection_list.ring, rows)
        pressed = [event for event in opened if event.objects]
        if pressed:
            known = await self.call_opener.load_call(account_id, call_ref)
            if (who := objector_of(pressed, known.statements)) is not None:
                await self.enter(account_id, who, known, pressed[-1])

    async def enter(self, account_id: str, who: Objector, known: CallContext, pressed: ConsentEvent) -> None:
        """Enter the objection of the party that pressed the key; without a number there is none."""
        if who.number is None or await self._is_closed(account_id):
            return
        places = [place for hints in known.hints.values() for place in hints]
        places += [known.facts.caller_place, known.facts.callee_place]
        await self.objection_list.enter_reported(
            account_id,
            who.number,
            places,
            reason="key press in a call",
            actor=pressed.told_by,
            said_at=pressed.heard_at,
        )

    async def _is_closed(self, account_id: str) -> bool:
        return await self.objection_list.database.read(lambda tx: tx.closures.has_begun(account_id))

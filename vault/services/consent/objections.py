"""Objections: phone numbers that must not be recorded, on either side of a call."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import Objection
from vault.domain.page import PAGE
from vault.errors import NotFound
from vault.services.consent.enter_objection import ObjectionList, active_objection
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionView:
    """An objection with its number and reason opened."""

    id: str
    #: In E.164, or as a platform reported who pressed a key. None if the key that sealed it was destroyed, though
    #: the objection is in force.
    number: str | None
    objection: Objection


@dataclass(frozen=True, slots=True, kw_only=True)
class Objections:
    """Enter, end and list objections."""

    objection_list: ObjectionList
    database: Database

    async def enter(
        self, account_id: str, written: str, *, reason: str | None, actor: str
    ) -> tuple[ObjectionView, bool]:
        """Enter an objection. Once this returns, no recording of the number becomes available.

        Return the objection and whether it is new; one in force is kept unchanged.

        Raises Invalid if ``written`` is not a phone number.
        """
        row, number, new = await self.objection_list.enter(account_id, written, reason=reason, actor=actor)
        return ObjectionView(id=row.id, number=number, objection=await self.objection_list.opened(row)), new

    async def end(self, account_id: str, written: str, *, actor: str) -> None:
        """End the objection of a number, or of a text. Recordings that were refused stay refused.

        Raises NotFound if it has none, Invalid if ``written`` is not a number.
        """
        named = await self.objection_list.named(account_id, written)

        def end(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            found = [active_objection(tx, account_id, term) for term in named.values()]
            if not any(found):
                raise NotFound("This number has no objection.")
            for known in filter(None, found):
                tx.objections.end(known.id, at=tx.now(), by=actor)
                tx.events.append(
                    AccessEvent(type="objection.ended", at=tx.now(), account_id=account_id, actor=actor)
                )

        await self.database.write(end, urgent=True)

    async def list(self, account_id: str, *, after: str | None, limit: int) -> Sequence[ObjectionView]:
        """Return the objections in force after the id ``after``, ordered by id."""
        rows = await self.database.read(lambda tx: tx.objections.page(account_id, after=after, limit=limit))
        return [
            ObjectionView(
                id=row.id,
                number=await self.objection_list.number_of(row),
                objection=await self.objection_list.opened(row),
            )
            async for row in paced(rows)
        ]

    async def history(
        self, account_id: str, written: str, *, start: int = 0, limit: int = PAGE
    ) -> Sequence[ObjectionView]:
        """Return a page of all objections of one number after the first ``start``, oldest first.

        Raises Invalid if ``written`` is not a number.
        """
        named = await self.objection_list.named(account_id, written)
        of_term = {term: number for number, term in named.items()}
        rows = await self.database.read(
            lambda tx: tx.objections.of_numbers(account_id, list(of_term), start=start, limit=limit)
        )
        return [
            ObjectionView(
                id=row.id, number=of_term[row.term], objection=await self.objection_list.opened(row)
            )
            async for row in paced(rows)
        ]

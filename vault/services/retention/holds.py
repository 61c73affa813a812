"""Holds: place and list them. While one covers a recording, no path erases it.

Nothing is written to the recordings: the guard of every erasure (vault/services/lifecycle/guards.py) reads the holds
under the account's lock. ``place`` takes that lock exclusively, so an erasure has committed before or is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.retention.hold import Hold
from vault.domain.stored.retention_json import StoredHold
from vault.services.retention.place_hold import HoldRequest, PlaceHold, existing_hold, texts_of_hold
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldView:
    """A hold with its texts."""

    hold: Hold
    name: str | None
    reason: str | None
    numbers: tuple[str, ...]
    #: Available recordings that it covers now; None in a list.
    bound: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """Place and show holds."""

    database: Database
    data_keys: AccountDataKeys
    place_hold: PlaceHold

    async def place(self, account_id: str, wanted: HoldRequest, *, actor: str) -> HoldView:
        """Place a hold: when this returns, nothing that it covers is erased until it is released.

        Recordings before the gate still obey the recording switch, a decline and an objection. Raises what
        ``PlaceHold`` raises.
        """
        return await self._view(await self.place_hold(account_id, wanted, actor=actor), count=True)

    async def read(self, account_id: str, hold_id: str) -> HoldView:
        """Return a hold, also a released one. Raises NotFound."""
        return await self._view(
            await self.database.read(lambda tx: existing_hold(tx, account_id, hold_id)), count=True
        )

    async def covering(
        self, account_id: str, recording_ids: Sequence[str], call_refs: Sequence[str]
    ) -> Sequence[HoldView]:
        """Return the holds in effect that cover any of these recordings or calls, by when they were placed."""

        def read(tx: Transaction) -> list[StoredHold]:
            now = tx.now()
            ids = [one.id for one in tx.holds.in_effect(account_id, now)]
            of_calls = {one.id for one in tx.holds.covering_calls(account_id, call_refs, now)}
            found = [existing_hold(tx, account_id, one) for one in ids]
            return [
                one
                for one in found
                if one.hold.id in of_calls or tx.holds.covers_any(one.hold, recording_ids)
            ]

        if not recording_ids and not call_refs:
            return ()
        found = sorted(await self.database.read(read), key=lambda one: one.hold.placed_at)
        return [await self._view(stored) async for stored in paced(found)]

    async def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[HoldView]:
        """Return holds, also released ones, ordered by id."""
        found = await self.database.read(lambda tx: tx.holds.page(account_id, after=after, limit=limit))
        return [await self._view(stored) async for stored in paced(found)]

    async def _view(self, stored: StoredHold, *, count: bool = False) -> HoldView:
        bound = await self.database.read(lambda tx: tx.holds.count_covered(stored.hold)) if count else None
        return await view_of(self.data_keys, stored, bound)


async def view_of(data_keys: AccountDataKeys, stored: StoredHold, bound: int | None) -> HoldView:
    """Return a hold with its texts opened. Raises NotFound, Tampered."""
    values = await texts_of_hold(data_keys, stored)
    return HoldView(
        hold=stored.hold,
        name=values.get("name"),
        reason=values.get("reason"),
        numbers=tuple(values.get("numbers", ())),
        bound=bound,
    )

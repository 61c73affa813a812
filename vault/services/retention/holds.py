"""Holds: place and list them. While one covers a recording, no path erases it.

Nothing is written to the recordings: the guard of every erasure (vault/services/lifecycle/guards.py) reads the holds
under the account's lock. ``place`` takes that lock exclusively, so an erasure has committed before or is refused.
"""

import asyncio
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.ids import new_id
from vault.domain.recordings.recording import State
from vault.domain.retention.hold import MAX_COVERED, Covers, Hold
from vault.domain.stored.retention_json import StoredHold
from vault.errors import Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.services.admission.admission import Admission
from vault.services.shared.account_data_keys import AccountDataKeys

#: Max holds of an account in effect at a time: each erasure reads them.
MAX_HOLDS: Final = 1000
#: Texts opened before the event loop gets control again.
_OPEN_BATCH: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRequest:
    """A hold to place."""

    name: str
    reason: str
    recordings: Sequence[str] = ()
    calls: Sequence[str] = ()
    numbers: Sequence[str] = ()
    from_: datetime | None = None
    to: datetime | None = None
    everything: bool = False
    ends_at: datetime | None = None


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
    admission: Admission
    data_keys: AccountDataKeys
    clock: Clock

    async def place(self, account_id: str, wanted: HoldRequest, *, actor: str) -> HoldView:
        """Place a hold: when this returns, nothing that it covers is erased until it is released.

        Recordings before the gate still obey the recording switch, a decline and an objection. Raises Invalid, NotFound
        for a recording that does not exist, Refused for one that is not available, or above MAX_HOLDS. Fields of errors
        are those of REST's body: ``name``, ``reason``, ``covers`` and below, such as ``covers.numbers.3``.
        """
        _check(wanted)
        text = {"name": wanted.name, "reason": wanted.reason, "numbers": list(wanted.numbers)}
        sealed = await self.data_keys.seal_words(account_id, "hold", json.dumps(text))
        covers = Covers(
            recordings=frozenset(wanted.recordings),
            calls=frozenset(wanted.calls),
            terms=await self._terms(account_id, wanted.numbers),
            from_=wanted.from_,
            to=wanted.to,
            everything=wanted.everything,
        )
        hold = Hold(
            id=new_id("hold"),
            account_id=account_id,
            covers=covers,
            placed_at=self.clock(),
            placed_by=actor,
            ends_at=wanted.ends_at,
        )
        stored = StoredHold(hold=hold, sealed_text=sealed or "")
        same = await self._same(hold, text)
        placed = await self.database.write(
            lambda tx: _place(tx, stored, wanted.recordings, same), urgent=True
        )
        return await self._view(placed, count=True)

    async def read(self, account_id: str, hold_id: str) -> HoldView:
        """Return a hold, also a released one. Raises NotFound."""
        return await self._view(
            await self.database.read(lambda tx: existing_hold(tx, account_id, hold_id)), count=True
        )

    async def page(self, account_id: str, *, after: str | None, limit: int) -> Sequence[HoldView]:
        """Return holds, also released ones, ordered by id."""
        found = await self.database.read(lambda tx: tx.holds.page(account_id, after=after, limit=limit))
        return [await self._view(stored) for stored in found]

    async def _terms(self, account_id: str, numbers: Sequence[str]) -> frozenset[bytes]:
        """Return the keyed hashes of the numbers. Raises Invalid, naming the number by its field of REST's body."""
        try:
            return await self.admission.terms_of_numbers(account_id, numbers)
        except Invalid as error:
            raise Invalid(str(error), field=f"covers.{error.field}") from error

    async def _same(self, wanted: Hold, text: Mapping[str, Any]) -> frozenset[str]:
        """Return the ids of holds in effect that say the same as this one; their sealed texts are opened."""

        def read(tx: Transaction) -> list[StoredHold]:
            known = tx.holds.in_effect(wanted.account_id, tx.now())
            return [existing_hold(tx, one.account_id, one.id) for one in known if _is_like(one, wanted)]

        same = set[str]()
        for number, stored in enumerate(await self.database.read(read), start=1):
            if await _texts(self.data_keys, stored) == text:
                same.add(stored.hold.id)
            if number % _OPEN_BATCH == 0:
                await asyncio.sleep(0)
        return frozenset(same)

    async def _view(self, stored: StoredHold, *, count: bool = False) -> HoldView:
        bound = await self.database.read(lambda tx: tx.holds.count_covered(stored.hold)) if count else None
        return await view_of(self.data_keys, stored, bound)


async def view_of(data_keys: AccountDataKeys, stored: StoredHold, bound: int | None) -> HoldView:
    """Return a hold with its texts opened. Raises NotFound, Tampered."""
    values = await _texts(data_keys, stored)
    return HoldView(
        hold=stored.hold,
        name=values.get("name"),
        reason=values.get("reason"),
        numbers=tuple(values.get("numbers", ())),
        bound=bound,
    )


async def _texts(data_keys: AccountDataKeys, stored: StoredHold) -> dict[str, Any]:
    opened = await data_keys.open_words(stored.hold.account_id, "hold", stored.sealed_text)
    values: dict[str, Any] = json.loads(opened or "{}")
    return values


def _is_like(known: Hold, wanted: Hold) -> bool:
    """Return whether a hold is the wanted one, as far as its row says so in clear."""
    clear = (wanted.covers, wanted.placed_by, wanted.ends_at)
    return (known.covers, known.placed_by, known.ends_at) == clear


def _place(
    tx: Transaction, wanted: StoredHold, recordings: Sequence[str], same: Container[str]
) -> StoredHold:
    """Write the hold. ``same``: ids of holds that say the same."""
    account_id, actor = wanted.hold.account_id, wanted.hold.placed_by
    tx.lock_account(account_id, exclusive=True)
    now = tx.now()
    in_effect = tx.holds.in_effect(account_id, now)
    for known in in_effect:
        # The same request again, after a first one whose object could not be stored.
        if known.id in same and tx.closing.recall(account_id, "hold.placed", known.id):
            return existing_hold(tx, account_id, known.id)
    _check_recordings(tx, account_id, recordings)
    if len(in_effect) >= MAX_HOLDS:
        text = f"The account has {MAX_HOLDS} holds, the maximum. Release one, or place one that covers more."
        raise Refused(text, reasons=("too_many_holds",))
    placed = replace(wanted, hold=replace(wanted.hold, placed_at=now))
    tx.holds.add(placed)
    tx.events.append(event_of_hold("hold.placed", placed.hold, now, actor))
    return placed


def _check(wanted: HoldRequest) -> None:
    """Raise Invalid, naming the field, for a hold that covers nothing or contradicts itself."""
    for name in ("name", "reason"):
        if not getattr(wanted, name).strip():
            raise Invalid(f"{name} must not be empty.", field=name)
    named = len(wanted.recordings) + len(wanted.calls) + len(wanted.numbers)
    if named > MAX_COVERED:
        text = f"A hold names at most {MAX_COVERED} recordings, calls and numbers."
        raise Invalid(f"{text} Place several, or set `all` with `from` and `to`.", field="covers")
    timed = wanted.from_ is not None or wanted.to is not None
    if not (named or wanted.everything):
        more = " With a time alone, also set all to true." if timed else ""
        raise Invalid(
            f"covers must name recordings, calls or numbers, or set all to true.{more}", field="covers"
        )
    if timed and not (wanted.numbers or wanted.everything):
        raise Invalid(
            "from and to limit numbers and all; recordings and calls are held whole.", field="covers.from"
        )
    if wanted.from_ is not None and wanted.to is not None and wanted.from_ >= wanted.to:
        raise Invalid("covers.to must be after covers.from.", field="covers.to")


def _check_recordings(tx: Transaction, account_id: str, recording_ids: Sequence[str]) -> None:
    for place, recording_id in enumerate(recording_ids):
        field = f"covers.recordings.{place}"
        found = tx.recordings.get(account_id, recording_id)
        if found is None:
            raise NotFound("There is no such recording.", field=field)
        if found.state is not State.AVAILABLE:
            raise Refused(
                f"This recording is {found.state}, not available. Hold its call or a number instead: that binds as "
                "soon as the recording is available.",
                reasons=("not_available",),
                field=field,
            )


def existing_hold(tx: Transaction, account_id: str, hold_id: str) -> StoredHold:
    """Return a hold. Raises NotFound."""
    found = tx.holds.get(account_id, hold_id)
    if found is None:
        raise NotFound("There is no such hold.")
    return found


def event_of_hold(kind: EventType, hold: Hold, at: datetime, actor: str) -> AccessEvent:
    """Return the access event of a change of a hold."""
    return AccessEvent(type=kind, at=at, account_id=hold.account_id, actor=actor, result=hold.id)

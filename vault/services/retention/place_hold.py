"""Place a hold, alone or in a transaction that writes more."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.recordings.recording import State
from vault.domain.retention.hold import MAX_COVERED, Hold, RecordingSelection
from vault.domain.stored.retention_json import StoredHold
from vault.errors import Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.admission.number_terms import CallTerms
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.paced import paced

#: Max holds of an account in effect at a time, and characters of JSON that say what they cover: each erasure reads
#: them. A number has up to some 700, for the spellings that find it, so all holds have at least 5,000 numbers together.
MAX_HOLDS: Final = 1000
MAX_CHARACTERS: Final = 3_600_000


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
class PreparedHold:
    """A hold that a transaction can place."""

    stored: StoredHold
    recordings: Sequence[str]
    #: What is sealed.
    text: Mapping[str, Any] = field(repr=False)

    def write(self, tx: Transaction) -> StoredHold:
        """Place it, under the account's exclusive lock. Raises NotFound, Refused."""
        account_id, actor = self.stored.hold.account_id, self.stored.hold.placed_by
        tx.lock_account(account_id, exclusive=True)
        now = tx.now()
        _check_recordings(tx, account_id, self.recordings)
        placed = replace(self.stored, hold=replace(self.stored.hold, placed_at=now))
        tx.holds.add(placed)
        _check_extent(*tx.holds.extent(account_id, now))
        tx.events.append(event_of_hold("hold.placed", placed.hold, now, actor))
        return placed


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    """Place holds. Fields of errors are those of REST's body: ``name``, ``reason``, ``covers`` and below."""

    database: Database
    call_terms: CallTerms
    data_keys: AccountDataKeys
    clock: Clock

    async def __call__(self, account_id: str, wanted: HoldRequest, *, actor: str) -> StoredHold:
        """Place a hold and return it.

        Raises Invalid, NotFound for a recording that does not exist, Refused for one that is not available, or above
        MAX_HOLDS.
        """
        prepared = await self.prepare(account_id, wanted, actor=actor)
        same = await self._same(prepared)
        return await self.database.write(
            lambda tx: _stored_again(tx, account_id, same) or prepared.write(tx), urgent=True
        )

    async def prepare(self, account_id: str, wanted: HoldRequest, *, actor: str) -> PreparedHold:
        """Check and seal a hold, which its ``write`` places. Raises Invalid."""
        _check(wanted)
        text = {"name": wanted.name, "reason": wanted.reason, "numbers": list(wanted.numbers)}
        sealed = await self.data_keys.seal_words(account_id, "hold", json.dumps(text))
        covers = RecordingSelection(
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
        return PreparedHold(stored=stored, recordings=wanted.recordings, text=text)

    async def _terms(self, account_id: str, numbers: Sequence[str]) -> frozenset[bytes]:
        """Return the keyed hashes of the numbers. Raises Invalid, naming the number by its field of REST's body."""
        try:
            return await self.call_terms.terms_of_numbers(account_id, numbers)
        except Invalid as error:
            raise Invalid(str(error), field=f"covers.{error.field}") from error

    async def _same(self, prepared: PreparedHold) -> set[str]:
        """Return the ids of holds in effect that say the same as this one; their sealed texts are opened."""
        wanted = prepared.stored.hold

        def read(tx: Transaction) -> list[StoredHold]:
            known = tx.holds.in_effect(wanted.account_id, tx.now())
            return [existing_hold(tx, one.account_id, one.id) for one in known if _is_like(one, wanted)]

        same = set[str]()
        async for stored in paced(await self.database.read(read)):
            if await texts_of_hold(self.data_keys, stored) == prepared.text:
                same.add(stored.hold.id)
        return same


async def texts_of_hold(data_keys: AccountDataKeys, stored: StoredHold) -> dict[str, Any]:
    """Return the name, reason and numbers of a hold. Raises NotFound, Tampered."""
    opened = await data_keys.open_words(stored.hold.account_id, "hold", stored.sealed_text)
    values: dict[str, Any] = json.loads(opened or "{}")
    return values


def _is_like(known: Hold, wanted: Hold) -> bool:
    """Return whether a hold is the wanted one, as far as its row says so in clear."""
    clear = (wanted.covers, wanted.placed_by, wanted.ends_at)
    return (known.covers, known.placed_by, known.ends_at) == clear


def _stored_again(tx: Transaction, account_id: str, same: set[str]) -> StoredHold | None:
    """Return the hold if this is the same request again, after a first one whose object could not be stored."""
    if not same:
        return None
    tx.lock_account(account_id, exclusive=True)
    for hold in tx.holds.in_effect(account_id, tx.now()):
        if hold.id in same and tx.closing_acts.recall(account_id, "hold.placed", hold.id):
            return existing_hold(tx, account_id, hold.id)
    return None


def _check(wanted: HoldRequest) -> None:
    """Raise Invalid, naming the field, for a hold that covers nothing or contradicts itself."""
    for name in ("name", "reason"):
        if not getattr(wanted, name).strip():
            raise Invalid(Sentence("%(field)s must not be empty.", field=name), field=name)
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


def _check_extent(holds: int, characters: int) -> None:
    """Raise Refused if these are more than an account may have in effect, the new one included."""
    if holds > MAX_HOLDS:
        full = Sentence(
            "The account has %(number)s holds, the maximum. Release one, or place one that covers more.",
            number=MAX_HOLDS,
        )
        raise Refused(full, reasons=("too_many_holds",))
    if characters > MAX_CHARACTERS:
        text = (
            "The holds of the account name too many numbers, calls and recordings. Release one, or place one of all "
            "calls of a time."
        )
        raise Refused(text, reasons=("too_many_numbers",))


def _check_recordings(tx: Transaction, account_id: str, recording_ids: Sequence[str]) -> None:
    for place, recording_id in enumerate(recording_ids):
        field = f"covers.recordings.{place}"
        found = tx.recordings.get(account_id, recording_id)
        if found is None:
            raise NotFound("There is no such recording.", field=field)
        if found.state is not State.AVAILABLE:
            text = Sentence(
                "This recording is %(state)s, not available. Hold its call or a number instead: that binds as soon as "
                "the recording is available.",
                state=found.state,
            )
            raise Refused(text, reasons=("not_available",), field=field)


def existing_hold(tx: Transaction, account_id: str, hold_id: str) -> StoredHold:
    """Return a hold. Raises NotFound."""
    found = tx.holds.get(account_id, hold_id)
    if found is None:
        raise NotFound("There is no such hold.")
    return found


def event_of_hold(kind: EventType, hold: Hold, at: datetime, actor: str) -> AccessEvent:
    """Return the access event of a change of a hold."""
    return AccessEvent(type=kind, at=at, account_id=hold.account_id, actor=actor, result=hold.id)

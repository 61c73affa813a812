"""Enter objections: phone numbers that must not be recorded, over REST or by a key press in a call."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.consent.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.number_reader import is_plain, keys_of, read_numbers, regions_of
from vault.domain.consent.consent_event import Objection
from vault.domain.ids import new_id
from vault.domain.stored import encryption_context as bound
from vault.errors import Invalid, NotFound
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey, KeyRing
from vault.ports.numbers import Numbers
from vault.sealing.message import open_message, seal
from vault.services.admission.call_rows import home_regions
from vault.services.admission.number_terms import (
    CallTerms,
    restrained_number,
    term_of_e164,
    terms_of_number,
    terms_of_reported,
)
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionList:
    """Enter objections and open their rows.

    The list changes under the account's exclusive lock, as the recording switch does: a gate has either committed
    before, or it sees the objection. Numbers are stored sealed and found by keyed hashes.
    """

    database: Database
    ring: KeyRing
    data_keys: AccountDataKeys
    call_terms: CallTerms
    numbers: Numbers
    clock: Clock

    async def enter(
        self, account_id: str, written: str, *, reason: str | None, actor: str
    ) -> tuple[ObjectionRow, str, bool]:
        """Return the objection, its number in E.164, and whether it is new; an objection in force is kept unchanged.

        Once this returns, no recording of the number becomes available. Raises Invalid if ``written`` is not a
        phone number.
        """
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        number = restrained_number(self.numbers, written, regions)
        row, new = await self._keep(account_id, number, reason=reason, actor=actor)
        return row, number, new

    async def enter_reported(
        self,
        account_id: str,
        written: str,
        places: Iterable[str | None],
        *,
        reason: str,
        actor: str,
        said_at: datetime,
    ) -> None:
        """Enter the objection of whoever a platform reported as ``written``, for all that this text can mean.

        ``places`` are those of the call, by whose numbering plans a national number may be read. Text without a number,
        such as ``anonymous``, would be an objection of everybody: nothing is entered. Nor is what was ended after
        ``said_at``.
        """
        home = await self.database.read(lambda tx: home_regions(tx, account_id))
        regions = tuple(dict.fromkeys([*home, *regions_of("", places)]))
        meant = set(self.numbers.readings(written, regions))
        covered = frozenset[str]().union(*(keys_of(one, self.numbers.spellings(one)) for one in meant))
        if read_numbers(written).keys - covered:
            # In the words of the platform, too: its next call is reported with them again.
            meant.add(written)
        for number in sorted(meant):
            await self._keep(account_id, number, reason=reason, actor=actor, said_at=said_at)

    async def _keep(
        self,
        account_id: str,
        number: str,
        *,
        reason: str | None,
        actor: str,
        said_at: datetime | None = None,
    ) -> tuple[ObjectionRow, bool]:
        terms = await self.terms_of(account_id, number)
        sealed = await self.data_keys.seal_words(account_id, "objection-reason", reason)
        objection = Objection(since=self.clock(), until=None, reason=sealed, by=actor)
        return await retry_if_rotated(
            self.ring, account_id, lambda key: self._enter(key, account_id, number, objection, terms, said_at)
        )

    async def _enter(  # noqa: PLR0917 - what one row is made of
        self,
        key: AccountKey,
        account_id: str,
        number: str,
        objection: Objection,
        terms: Collection[bytes],
        said_at: datetime | None,
    ) -> tuple[ObjectionRow, bool]:
        objection_id = new_id("obj")
        context = bound.of_objection(account_id, objection_id)
        term = term_of_e164(await self.call_terms.index_key(account_id), number)
        row = ObjectionRow(
            id=objection_id,
            account_id=account_id,
            term=term,
            sealed_number=seal(key.key, context, json.dumps({"v": 1, "number": number}).encode()),
            key_version=key.version,
            objection=objection,
        )

        def enter(tx: Transaction) -> ObjectionRow:
            tx.lock_account(account_id, exclusive=True)
            known = active_objection(tx, account_id, term)
            if known is not None:
                tx.closing_acts.recall(account_id, "objection.entered", known.id)
                return known
            if said_at is not None and (ended := _ended_since(tx, account_id, term, said_at)) is not None:
                return ended
            entered = replace(row, objection=replace(objection, since=tx.now()))
            _add(tx, entered, terms)
            return entered

        stored = await self.database.write(enter, urgent=True)
        return stored, stored.id == objection_id

    async def named(self, account_id: str, written: str) -> Mapping[str, bytes]:
        """Return the numbers of objections that somebody names, each with the keyed hash that finds it.

        That is the number in E.164, and the text itself, if an objection was entered by it. Raises Invalid for a text
        that is neither.
        """
        key = await self.call_terms.index_key(account_id)
        regions = await self.database.read(lambda tx: home_regions(tx, account_id))
        as_written = term_of_e164(key, written)
        known = await self.database.read(lambda tx: bool(tx.objections.of_terms(account_id, [as_written])))
        named = {written: as_written} if known else {}
        try:
            number = restrained_number(self.numbers, written, regions)
        except Invalid:
            if not known:
                raise
        else:
            named[number] = term_of_e164(key, number)
        return named

    async def terms_of(self, account_id: str, number: str) -> set[bytes]:
        """Return the keyed hashes of every spelling of an objection's number, by which it is found."""
        key = await self.call_terms.index_key(account_id)
        if is_plain(number):
            return terms_of_number(key, self.numbers, number)
        return terms_of_reported(key, number)

    async def number_of(self, row: ObjectionRow) -> str | None:
        """Open the number of an objection; None if its key was destroyed. Raises Tampered, Unavailable.

        A key can be missing if a restore merged two histories, and one had destroyed a key that the other used.
        """
        try:
            key = await self.ring.version(row.account_id, row.key_version)
        except NotFound:
            return None
        context = bound.of_objection(row.account_id, row.id)
        number: str = json.loads(open_message(key.key, row.sealed_number, context=context))["number"]
        return number

    async def opened(self, row: ObjectionRow) -> Objection:
        """Return an objection with its reason opened. Raises NotFound, Tampered."""
        sealed = row.objection
        reason = await self.data_keys.open_words(row.account_id, "objection-reason", sealed.reason)
        return replace(sealed, reason=reason)


def _add(tx: Transaction, entered: ObjectionRow, terms: Collection[bytes]) -> None:
    tx.objections.add(entered)
    tx.objections.index(entered, terms)
    tx.events.append(
        AccessEvent(
            type="objection.entered",
            at=entered.objection.since,
            account_id=entered.account_id,
            actor=entered.objection.by,
            subject=entered.id,
        )
    )


def _ended_since(tx: Transaction, account_id: str, term: bytes, said_at: datetime) -> ObjectionRow | None:
    """Return an objection of the number that was ended after this moment."""
    rows = tx.objections.of_terms(account_id, [term])
    return next(
        (row for row in rows if row.objection.until is not None and row.objection.until >= said_at), None
    )


def active_objection(tx: Transaction, account_id: str, term: bytes) -> ObjectionRow | None:
    """Return the number's objection that is in force now, if there is one."""
    rows = tx.objections.of_terms(account_id, [term])
    return next((row for row in rows if row.objection.until is None), None)

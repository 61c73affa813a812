"""Erase what was decided, call by call, and note what guards keep."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE
from vault.domain.requests.decision import WAITS, effect_of
from vault.domain.requests.request import Request, Verdict
from vault.errors import NotFound, Refused, Tampered
from vault.ports.objects import ObjectStore
from vault.services.admission.call_opener import CallOpener
from vault.services.lifecycle.erase_call import (
    await_call_erasure,
    await_erasure,
    erase_recordings,
    forget_if_erased,
)
from vault.services.lifecycle.guards import forbid_held_call
from vault.services.requests.decided import Decided
from vault.services.requests.package_about import Kept
from vault.services.requests.packages import delete_package
from vault.services.requests.progress import Part
from vault.services.requests.sealed_requests import SealedRequests, personal_of, ruling_of

#: The verdict where a guard forbids an erasure, by the guard's reason.
_KEPT_BY_GUARD: Final[Mapping[str, str]] = {
    "held": WAITS,
    "minimum_legal": "kept_legal_obligation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseDecided:
    """Carry out the decision ``erased``."""

    database: Database
    sealed: SealedRequests
    call_opener: CallOpener
    #: Reads the minimum of a recording, and when it ends.
    retention: Callable[[str, str], Awaitable[Kept]]
    objects: ObjectStore

    async def __call__(self, request: Request, decided: Decided, own_terms: frozenset[bytes]) -> Part:
        """Erase call by call. After that the request may have another revision.

        ``own_terms``: the keyed hashes that are the person's alone; they find its packages.
        """
        ruling, part = ruling_of(request), Part()
        by_call: dict[str, list[str]] = {
            one.call_ref: []
            for one in decided.calls
            if effect_of(request.kind, ruling.verdict_on(one.call_ref)) == "erase"
        }
        for one in decided.with_effect(request.kind, "erase"):
            by_call.setdefault(one.call_ref, []).append(one.id)
        # Before the erasures, which delete the rows of packages alone.
        await self._delete_packages(request, own_terms)
        kept: dict[str, Verdict] = {}
        for call_ref, recording_ids in by_call.items():
            kept |= await self._erase_call(request, call_ref, recording_ids, part)
        if kept:
            # Once for all: a request of 10,000 recordings is some megabytes.
            noted = replace(ruling, verdicts={**ruling.verdicts, **kept})
            changed = replace(request, personal=replace(personal_of(request), ruling=noted))
            await self.sealed.change(changed, None, actor=ruling.by, at=ruling.at)
        if part.is_done:
            # If a reader holds the write-ahead log now, a later checkpoint overwrites the deleted rows.
            await self.database.scrub()
        part.is_done |= bool(kept)
        return part

    async def _delete_packages(self, request: Request, own_terms: frozenset[bytes]) -> None:
        """Delete the packages that an earlier request of the person got: an erasure finds them too."""
        ruling = ruling_of(request)
        if effect_of(request.kind, ruling.default) != "erase":
            return
        for package in await self.database.read(
            lambda tx: tx.packages.of_person(request.account_id, own_terms)
        ):
            if request.id in {package.request_id, package.part_of}:
                continue
            await delete_package(self.database, self.objects, package, actor=ruling.by)

    async def _erase_call(
        self, request: Request, call_ref: str, recording_ids: Sequence[str], part: Part
    ) -> Mapping[str, Verdict]:
        """Erase recordings of a call, one by one where guards keep some; return the verdicts on what they keep."""
        if len(recording_ids) > 1:
            try:
                await self._erase(request, call_ref, recording_ids)
            except (NotFound, Refused, Tampered):
                # Perhaps only some of the call's recordings are kept, or cannot be read.
                pass
            else:
                part.is_done = True
                return {}
        kept: dict[str, Verdict] = {}
        each: Sequence[str | None] = recording_ids or [None]
        for recording_id in each:
            with part.each(request.account_id, recording_id):
                try:
                    await self._erase(request, call_ref, [] if recording_id is None else [recording_id])
                except Refused as error:
                    kept |= await self._keep(request, call_ref, recording_id, error)
                else:
                    part.is_done = True
        return kept

    async def _erase(self, request: Request, call_ref: str, recording_ids: Sequence[str]) -> None:
        """Erase recordings of one call in one transaction, and its facts if no recording is left."""
        account_id, ruling = request.account_id, ruling_of(request)
        forgettable = await self.call_opener.forgettable_answers(account_id, call_ref)

        def erase(tx: Transaction) -> None:
            tx.lock_account_and_call(account_id, call_ref)
            now = tx.now()
            recordings = tx.recordings.of_call(account_id, call_ref)
            mine = [one for one in recordings if one.id in recording_ids]
            forbid_held_call(tx, account_id, call_ref)
            erase_recordings(tx, account_id, mine, actor=ruling.by, at=now, wish="request")
            for one in mine:
                tx.provider_copies.request_deletion(one.id)
                tx.closing_acts.recall(account_id, "recording.erasing", one.id)
            forget_if_erased(tx, account_id, call_ref, forgettable, actor=ruling.by, at=now)

        await self.database.write(erase)

    async def _keep(
        self, request: Request, call_ref: str, recording_id: str | None, error: Refused
    ) -> Mapping[str, Verdict]:
        """Return why guards forbid to erase a recording now, or a call without any: the recording is restricted.

        What a hold keeps is erased when nothing stops that any more, without another decision.
        """
        code = next((_KEPT_BY_GUARD[reason] for reason in error.reasons if reason in _KEPT_BY_GUARD), None)
        if code is None:
            raise error
        ruling, account_id = ruling_of(request), request.account_id

        def wait(tx: Transaction) -> None:
            tx.lock_account_and_call(account_id, call_ref)
            for one in tx.recordings.of_call(account_id, call_ref):
                if one.id == recording_id and one.state not in GONE:
                    await_erasure(tx, one, cause="request", actor=ruling.by, at=tx.now())
            await_call_erasure(tx, account_id, call_ref, actor=ruling.by, at=tx.now())

        if code == WAITS:
            await self.database.write(wait)
        verdict = Verdict(code=code)
        if recording_id is None:
            return {call_ref: verdict}
        if code == "kept_legal_obligation":
            verdict = await self._legal_minimum(account_id, recording_id)
        # With a recording that came late, the facts of its call stay too.
        return {recording_id: verdict} | ({call_ref: verdict} if call_ref in ruling.calls else {})

    async def _legal_minimum(self, account_id: str, recording_id: str) -> Verdict:
        """Return the verdict on a recording that a legal minimum keeps: it names the law, for the receipt.

        Raises NotFound, RecordingErased.

        Of several minima the one counts that ends last; without a statute and an end if the policy has none any more,
        or the facts of the call cannot be read.
        """
        try:
            terms = (await self.retention(account_id, recording_id)).terms
        except Tampered:
            return Verdict(code="kept_legal_obligation")
        statutes = [
            bound.statute
            for bound in terms.bounds
            if bound.kind == "minimum"
            and bound.ground == "legal_obligation"
            and bound.until == terms.legal_until
        ]
        return Verdict(
            code="kept_legal_obligation",
            statute=next((statute for statute in statutes if statute), None),
            until=terms.legal_until,
        )

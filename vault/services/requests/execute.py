"""Carry out the decisions on requests. The state of the rows is the progress: a crash only causes a repetition."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import GONE
from vault.domain.requests.decision import effect_of
from vault.domain.requests.request import Request, Ruling, Verdict
from vault.errors import RecordingErased, Refused, VaultError
from vault.ports.objects import ObjectStore
from vault.services.admission.admission import Admission
from vault.services.consent.enter_objection import ObjectionList
from vault.services.lifecycle.await_erasure import await_call_erasure, await_erasure
from vault.services.lifecycle.erase_call import erase_recordings, forbid_held, forget_facts
from vault.services.lifecycle.restrict_recording import RestrictRecording
from vault.services.requests.add_statement import AddStatement
from vault.services.requests.close_account import CloseAccount
from vault.services.requests.find_person import FindPerson, FoundPerson
from vault.services.requests.legal_minimum import LegalMinimum
from vault.services.requests.make_package import MakePackage
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.packages import delete_package
from vault.services.requests.sealed_requests import SealedRequests, personal_of, ruling_of
from vault.services.shared.clock_skew import checked_now
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 20
#: Closures that a step begins.
_CLOSURES_BEGUN: Final = 5
#: Until a request is tried again that waits for an object, a provider or the log: at first, and at most. It doubles
#: with each try without progress.
_FIRST_WAIT, _MAX_WAIT = timedelta(seconds=1), timedelta(minutes=5)
#: Tries after which the wait has reached its maximum.
_MAX_DOUBLINGS: Final = 9
#: Requests whose content is deleted per step.
_FORGET_BATCH_SIZE: Final = 500
#: The verdict where a guard forbids an erasure, by the guard's reason.
_KEPT_BY_GUARD: Final[Mapping[str, str]] = {
    "held": "pending_hold",
    "minimum_legal": "kept_legal_obligation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequests:
    """Erase and restrict what was decided, then close the request with its receipt."""

    database: Database
    sealed: SealedRequests
    find: FindPerson
    admission: Admission
    add_statement: AddStatement
    restriction: RestrictRecording
    objection_list: ObjectionList
    legal_minimum: LegalMinimum
    make_package: MakePackage
    receipts: MakeReceipt
    close_account: CloseAccount
    objects: ObjectStore

    async def any_due(self) -> bool:
        """Return whether a decision is to be tried now. If all can only wait, the first is polled when it is due."""

        def read(tx: Transaction) -> bool:
            now, checked = tx.now(), checked_now(tx)
            if tx.requests.executing(now, limit=1) or tx.closures.due(checked, now, limit=1):
                return True
            tries = ((tx.requests.next_try(), now), (tx.closures.next_try(), now))
            times = (*tries, (tx.closures.next_due(), checked))
            waits = [at - clock for at, clock in times if at is not None]
            if waits:
                tx.wake(Work.REQUESTS, after=min(waits))
            return False

        return await self.database.read(read)

    async def __call__(self) -> bool:
        """Work on some requests; False if all of them can only wait."""
        closures = await self.database.read(
            lambda tx: tx.closures.due(checked_now(tx), tx.now(), limit=_CLOSURES_BEGUN)
        )
        begun = [await self._try(row) for row in closures]
        rows = await self.database.read(lambda tx: tx.requests.executing(tx.now(), limit=_BATCH_SIZE))
        worked = [await self._try(row) for row in rows]
        return any(begun) or any(worked)

    async def forget(self) -> None:
        """Delete the content of requests whose own retention has ended."""
        while await self.database.write(
            lambda tx: tx.requests.forget(checked_now(tx), limit=_FORGET_BATCH_SIZE)
        ):
            pass

    async def _try(self, row: RequestRow) -> bool:
        """Work on one request; what is unavailable for it does not stop the others."""
        tries = row.tries + 1
        wait = min(_FIRST_WAIT * 2 ** min(row.tries, _MAX_DOUBLINGS), _MAX_WAIT)
        try:
            # Noted before: a request whose try ends the process is not the first one again.
            await self._try_again(row, wait, tries=tries)
            progress = await self._work_on(await self.sealed.open(row), tries=tries)
            if progress:
                await self._try_again(row, None, tries=0)
        except VaultError as error:
            _LOG.warning("request.put_off", account_id=row.request.account_id, reason=type(error).__name__)
            return False
        return progress

    async def _try_again(self, row: RequestRow, wait: timedelta | None, *, tries: int) -> None:
        def note(tx: Transaction) -> None:
            tx.requests.try_again(row.request.id, None if wait is None else tx.now() + wait, tries=tries)
            tx.wake(Work.REQUESTS, after=wait)

        await self.database.write(note)

    async def _work_on(self, request: Request, *, tries: int) -> bool:
        """Do the next part; return whether anything was done."""
        if request.kind == "closure":
            return await self.close_account(request)
        ruling = ruling_of(request)
        found = (await self.find(request.account_id, personal_of(request))).decided_by(ruling.verdicts)
        request = await self._note(request, found)
        if await self._erase(request, found) or await self._restrict(request, found):
            return True
        stated = await self.add_statement(request, found)
        if stated is None:
            return False
        request = stated
        if request.kind == "objection" and effect_of(request.kind, ruling.default) != "nothing":
            await self._object(request)
        answered = await self.make_package(request, found.own_terms, tries=tries)
        return answered is None or await self.receipts.close_if_done(answered)

    async def _note(self, request: Request, found: FoundPerson) -> Request:
        """Write down, before anything is erased, what a receipt cannot read afterwards."""
        ruling = ruling_of(request)
        recordings = dict.fromkeys([*ruling.recordings, *(one.id for one in found.recordings)])
        calls = dict.fromkeys([*ruling.calls, *(one.call_ref for one in found.calls)])
        traces = dict(ruling.traces)
        for one in found.recordings:
            if effect_of(request.kind, ruling.verdict_on(one.id)) == "erase" and one.id not in traces:
                traces[one.id] = await self.receipts.trace(request.account_id, one.id)
        noted = replace(ruling, recordings=tuple(recordings), calls=tuple(calls), traces=traces)
        return request if noted == ruling else await self._save(request, noted)

    async def _save(self, request: Request, ruling: Ruling) -> Request:
        changed = replace(request, personal=replace(personal_of(request), ruling=ruling))
        return await self.sealed.change(changed, None, actor=ruling.by, at=ruling.at)

    async def _erase(self, request: Request, found: FoundPerson) -> bool:
        """Erase call by call; return whether anything was done."""
        ruling = ruling_of(request)
        by_call: dict[str, list[str]] = {
            one.call_ref: []
            for one in found.calls
            if effect_of(request.kind, ruling.verdict_on(one.call_ref)) == "erase"
        }
        for one in found.recordings:
            if effect_of(request.kind, ruling.verdict_on(one.id)) == "erase":
                by_call.setdefault(one.call_ref, []).append(one.id)
        # Before the erasures, which delete the rows of packages alone.
        await self._delete_packages(request, found)
        kept: dict[str, Verdict] = {}
        for call_ref, recording_ids in by_call.items():
            try:
                await self._erase_of_call(request, call_ref, recording_ids)
            except Refused:
                # Perhaps only some of the call's recordings are kept.
                for each in [[one] for one in recording_ids] or [[]]:
                    kept |= await self._erase_or_keep(request, call_ref, each)
        if kept:
            # Once for all: a request of 10,000 recordings is some megabytes.
            await self._save(request, replace(ruling, verdicts={**ruling.verdicts, **kept}))
        if by_call:
            # If a reader holds the write-ahead log now, a later checkpoint overwrites the deleted rows.
            await self.database.scrub()
        return bool(by_call)

    async def _erase_or_keep(
        self, request: Request, call_ref: str, recording_ids: Sequence[str]
    ) -> Mapping[str, Verdict]:
        """Erase, or return the verdicts on what guards keep."""
        try:
            await self._erase_of_call(request, call_ref, recording_ids)
        except Refused as error:
            return await self._keep(request, call_ref, recording_ids, error)
        return {}

    async def _delete_packages(self, request: Request, found: FoundPerson) -> None:
        """Delete the packages that an earlier request of the person got: an erasure finds them too."""
        ruling = ruling_of(request)
        if effect_of(request.kind, ruling.default) != "erase":
            return
        for package in await self.database.read(
            lambda tx: tx.packages.of_person(request.account_id, found.own_terms)
        ):
            if request.id in {package.request_id, package.part_of}:
                continue
            await delete_package(self.database, self.objects, package, actor=ruling.by)

    async def _erase_of_call(self, request: Request, call_ref: str, recording_ids: Sequence[str]) -> None:
        """Erase recordings of one call in one transaction, and its facts if no recording is left."""
        account_id, ruling = request.account_id, ruling_of(request)
        forgettable = await self.admission.forgettable_answers(account_id, call_ref)

        def erase(tx: Transaction) -> None:
            tx.lock_account_and_call(account_id, call_ref)
            now = tx.now()
            recordings = tx.recordings.of_call(account_id, call_ref)
            mine = [one for one in recordings if one.id in recording_ids]
            forbid_held(tx, account_id, call_ref, tx.call_facts.of_call(account_id, call_ref), recordings)
            erase_recordings(tx, account_id, mine, actor=ruling.by, at=now, wish="request")
            for one in mine:
                tx.sources.request_deletion(one.id)
                tx.closing.recall(account_id, "recording.erasing", one.id)
            if all(one.state in GONE for one in tx.recordings.of_call(account_id, call_ref)):
                forget_facts(tx, account_id, call_ref, actor=ruling.by, at=now)
                tx.consents.forget(account_id, forgettable)

        await self.database.write(erase)

    async def _keep(
        self, request: Request, call_ref: str, recording_ids: Sequence[str], error: Refused
    ) -> Mapping[str, Verdict]:
        """Return why guards forbid to erase these recordings now: then they are restricted.

        What a hold keeps is erased when nothing stops that any more, without another decision.
        """
        code = next((_KEPT_BY_GUARD[reason] for reason in error.reasons if reason in _KEPT_BY_GUARD), None)
        if code is None:
            raise error
        ruling, account_id = ruling_of(request), request.account_id

        def wait(tx: Transaction) -> None:
            tx.lock_account_and_call(account_id, call_ref)
            for one in tx.recordings.of_call(account_id, call_ref):
                if one.id in recording_ids and one.state not in GONE:
                    await_erasure(tx, one, cause="request", actor=ruling.by, at=tx.now())
            await_call_erasure(tx, account_id, call_ref, actor=ruling.by, at=tx.now())

        if code == "pending_hold":
            await self.database.write(wait)
        if code == "kept_legal_obligation":
            return {one: await self.legal_minimum(account_id, one) for one in recording_ids}
        return dict.fromkeys(recording_ids or [call_ref], Verdict(code=code))

    async def _restrict(self, request: Request, found: FoundPerson) -> bool:
        ruling = ruling_of(request)
        wanted = [
            one
            for one in found.recordings
            if effect_of(request.kind, ruling.verdict_on(one.id)) == "restrict"
        ]
        # Also one that is restricted already: from now on that is lifted only after the person was informed.
        noted = await self.database.read(lambda tx: tx.requests.restricted_among([one.id for one in wanted]))
        to_restrict = [one for one in wanted if not one.restricted or one.id not in noted]
        for one in to_restrict:
            with suppress(RecordingErased):
                await self.restriction(
                    request.account_id,
                    one.id,
                    restricted=True,
                    reason=f"request {request.id}",
                    actor=ruling.by,
                    request_id=request.id,
                )
        return bool(to_restrict)

    async def _object(self, request: Request) -> None:
        ruling = ruling_of(request)
        for number in personal_of(request).numbers:
            await self.objection_list.enter(
                request.account_id, number, reason=f"request {request.id}", actor=ruling.by
            )

"""Carry out the decisions on requests. The state of the rows is the progress: a crash only causes a repetition.

Before: ``approvals/execute_approval.py`` and ``approved_acts.py`` call ``Requests.decide``, which wakes this job. An
erasure goes on: ``erase_decided.py`` and ``lifecycle/erase_call.py`` end the keys, ``recordings/remove_erased.py`` the
objects, ``ingest/provider_requests.py`` the provider's copy; ``make_receipt.py`` (``close_if_done``) ends the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from vault.backoff import Backoff
from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.requests.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import EMPTY
from vault.domain.requests.decision import effect_of
from vault.domain.requests.request import Request, Verdict
from vault.errors import VaultError
from vault.services.consent.enter_objection import ObjectionList
from vault.services.lifecycle.evidence_chain import SETTLED, EvidenceChain, append, open_entry
from vault.services.lifecycle.restrict_recording import RestrictRecording
from vault.services.requests.close_account import CloseAccount
from vault.services.requests.decided import Decided, read_decided
from vault.services.requests.erase_decided import EraseDecided
from vault.services.requests.find_person import FindPerson
from vault.services.requests.make_package import MakePackage
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.progress import Part, Progress
from vault.services.requests.sealed_requests import SealedRequests, personal_of, ruling_of
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.job import HOURLY, DueJob, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 20
#: Closures that a step begins.
_CLOSURES_BEGUN: Final = 5
#: Of a request that waits for an object, a provider or the log, over its tries without progress.
_BACKOFF: Final = Backoff(first=timedelta(seconds=1), most=timedelta(minutes=5))
#: Requests whose content is deleted per step.
_FORGET_BATCH_SIZE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteRequests:
    """Erase and restrict what was decided, then close the request with its receipt."""

    database: Database
    sealed: SealedRequests
    find: FindPerson
    erase: EraseDecided
    chain: EvidenceChain
    restriction: RestrictRecording
    objection_list: ObjectionList
    make_package: MakePackage
    receipts: MakeReceipt
    close_account: CloseAccount

    def jobs(self) -> Sequence[Job]:
        """Return the work on decided requests, and the end of those closed long ago."""
        return [
            DueJob(work=Work.REQUESTS, any_due=self.any_due, step=self, needs_objects=False),
            IntervalJob(name="forget_requests", run=self.forget, every=HOURLY, needs_objects=False),
        ]

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
        """Work on one request, and return whether it goes on now; what is unavailable does not stop the others."""
        tries = row.tries + 1
        try:
            # Noted before: a request whose try ends the process is not the first one again.
            await self._try_again(row, _BACKOFF.after(tries), tries=tries)
            progress = await self._work_on(await self.sealed.open(row), tries=tries)
            if progress is not Progress.NONE:
                tries = 0 if progress is Progress.DONE else row.tries
                await self._try_again(row, None, tries=tries)
        except VaultError as error:
            _LOG.warning("request.put_off", account_id=row.request.account_id, reason=type(error).__name__)
            return False
        return progress is not Progress.NONE

    async def _try_again(self, row: RequestRow, wait: timedelta | None, *, tries: int) -> None:
        def note(tx: Transaction) -> None:
            tx.requests.try_again(row.request.id, None if wait is None else tx.now() + wait, tries=tries)
            tx.wake(Work.REQUESTS, after=wait)

        await self.database.write(note)

    async def _work_on(self, request: Request, *, tries: int) -> Progress:
        """Do the next part of a request."""
        if request.kind == "closure":
            return await self.close_account(request)
        decided = await self.database.read(lambda tx: read_decided(tx, request))
        own_terms = (await self.find.terms(request.account_id, personal_of(request))).own
        if request.kind == "objection" and effect_of(request.kind, decided.ruling.default) != "nothing":
            # Before what may take long, or has to wait: calls go on.
            await self._object(request)
        request = await self._note(request, decided)
        erased = await self.erase(request, decided, own_terms)
        restricted = await self._restrict(request, decided)
        if erased.is_done or restricted.is_done:
            return Progress.DONE
        request, stated = await self._add_statement(request, decided)
        answered = await self.make_package(request, own_terms, tries=tries)
        if answered is None:
            return Progress.DONE
        waits = erased.waits or restricted.waits or stated.waits
        closed = not waits and await self.receipts.close_if_done(answered)
        return Progress.DONE if closed else Progress.NONE

    async def _note(self, request: Request, decided: Decided) -> Request:
        """Write down, before anything is erased, what came late, and what a receipt cannot read afterwards."""
        traces = dict(decided.ruling.traces)
        for one in decided.with_effect(request.kind, "erase"):
            if one.id not in traces:
                traces[one.id] = await self.receipts.trace(request.account_id, one.id)
        noted = replace(decided.ruling, traces=traces)
        if noted == ruling_of(request):
            return request
        changed = replace(request, personal=replace(personal_of(request), ruling=noted))
        return await self.sealed.change(changed, None, actor=noted.by, at=noted.at)

    async def _restrict(self, request: Request, decided: Decided) -> Part:
        part, wanted = Part(), decided.with_effect(request.kind, "restrict")
        # Also one that is restricted already: from now on that is lifted only after the person was informed.
        noted = await self.database.read(lambda tx: tx.requests.restricted_for(request.id))
        for one in wanted:
            if one.restricted and one.id in noted:
                continue
            with part.each(request.account_id, one.id):
                await self.restriction(
                    request.account_id,
                    one.id,
                    restricted=True,
                    reason=f"request {request.id}",
                    actor=decided.ruling.by,
                    request_id=request.id,
                )
                part.is_done = True
        return part

    async def _add_statement(self, request: Request, decided: Decided) -> tuple[Request, Part]:
        """Add the person's statement to the evidence of every recording with this decision, once to each.

        Return the request, and whether a recording is in flight.

        What was refused or failed has nothing to correct: the request says ``no_match`` of it then.
        """
        ruling, nothing, part = ruling_of(request), list[str](), Part()
        content = {"by": ruling.by, "request": request.id, "statement": personal_of(request).wish}
        for one in decided.with_effect(request.kind, "note"):
            if one.state in EMPTY:
                nothing.append(one.id)
                continue
            opened = None
            with part.each(request.account_id, one.id):
                if one.state in SETTLED:
                    opened = await self.chain.of_recording(request.account_id, one.id)
                if opened is None:
                    part.waits = True
                    continue
                await self.database.write(partial(_add_once, opened=opened, content=content))
        if not nothing:
            return request, part
        verdicts = {**ruling.verdicts, **dict.fromkeys(nothing, Verdict(code="no_match"))}
        noted = replace(personal_of(request), ruling=replace(ruling, verdicts=verdicts))
        changed = replace(request, personal=noted)
        return await self.sealed.change(changed, None, actor=ruling.by, at=ruling.at), part

    async def _object(self, request: Request) -> None:
        ruling = ruling_of(request)
        for number in personal_of(request).numbers:
            await self.objection_list.enter(
                request.account_id, number, reason=f"request {request.id}", actor=ruling.by
            )


def _add_once(tx: Transaction, opened: OpenedRecording, content: Mapping[str, Any]) -> None:
    recording = opened.recording
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    current = tx.recordings.get(recording.account_id, recording.id)
    if current is None or current.state not in SETTLED:
        return
    entries = [open_entry(opened, row).content for row in tx.evidence.of_recording(recording.id)]
    if all(entry.get("request") != content["request"] for entry in entries):
        append(tx, opened, "rectification", content, at=tx.now())

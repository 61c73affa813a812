"""Requests of people: receive one, find the person's data, record identity and pauses, and decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.requests.person_search import MAX_FOUND
from vault.database.stores.requests.requests import RequestRow
from vault.database.transaction import Transaction
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.registers.entries import Recipient
from vault.domain.requests.deadline import Deadline, deadline, extended, paused, resumed, verified
from vault.domain.requests.decision import check_certainty, check_ruling
from vault.domain.requests.request import (
    OPEN,
    TRANSITIONS,
    Extension,
    PauseReason,
    Period,
    PersonalData,
    Request,
    RequestState,
    Verification,
    VerificationMethod,
)
from vault.errors import Refused, TooLarge
from vault.ports.clock import Clock
from vault.ports.keys import AccountKey
from vault.sentence import Sentence
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.requests.find_person import FindPerson, FoundPerson, PersonTerms
from vault.services.requests.new_request import NewRequest, check_new, check_verification, is_same, received
from vault.services.requests.ruling_request import RulingRequest, decision_gate, name_informed
from vault.services.requests.sealed_requests import (
    SealedRequests,
    append_event,
    personal_of,
    ruling_of,
    sealed_row,
)
from vault.services.requests.speakers import FindSpeaker
from vault.services.shared.approval_gate import Approved
from vault.services.shared.encrypted_fields import search_term
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_if_rotated


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestView:
    """A request with its deadline as of now, and what is found of the person now."""

    request: Request
    deadline: Deadline
    #: None once it is closed, and if too much is found.
    found: FoundPerson | None
    #: Whether more is found than one decision can be on.
    too_many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Receive, read and decide requests of people. The job ``ExecuteRequests`` carries decisions out."""

    database: Database
    sealed: SealedRequests
    find: FindPerson
    speaker: FindSpeaker
    recipients: SealedEntries[Recipient]
    clock: Clock

    async def receive(self, account_id: str, new: NewRequest, *, actor: str) -> tuple[RequestView, bool]:
        """Store a request, and search for the person. Return it, and whether it is new.

        While a request is open, a repeated call with its reference returns it. Raises Invalid, Refused
        ``reference_in_use`` if the open request with this reference is another one, Unavailable.
        """
        now = self.clock()
        check_new(new, now=now)
        identities = await self.find.normalize(account_id, new.personal.identities)
        new = replace(new, personal=replace(new.personal, identities=identities))
        reference = search_term(
            await self.find.call_terms.index_key(account_id), "request-reference", new.personal.reference
        )
        terms = await self.find.terms(account_id, new.personal)
        while True:
            known = await self.database.read(lambda tx: tx.requests.of_reference(account_id, reference))
            if (opened := await self._of_reference(known, new.personal.reference)) is not None:
                if not is_same(opened, new):
                    text = f"The open request {opened.id} has this reference and other content."
                    raise Refused(text, reasons=("reference_in_use",))
                if (verification := new.personal.verification) and not personal_of(opened).verification:
                    return await self._verified(opened, verification), False
                return await self._view(opened), False
            request = received(account_id, new, now=now)
            inserted = await self._insert(request, known, reference, terms, actor=actor)
            if inserted is not None:
                return await self._view(inserted), True

    async def _of_reference(self, rows: Sequence[RequestRow], reference: str) -> Request | None:
        """Return the request with this reference: upper and lower case are two, as in the ids of some systems."""
        opened = [await self.sealed.shown(row) async for row in paced(rows)]
        return next((one for one in opened if one.personal and one.personal.reference == reference), None)

    async def _insert(
        self,
        request: Request,
        known: Sequence[RequestRow],
        reference: bytes,
        terms: PersonTerms,
        *,
        actor: str,
    ) -> Request | None:
        """Insert the request; None if another one has taken its reference since ``known`` were read."""
        # With a spelling that can mean several numbers, the request of somebody else would be taken for this person's.
        account_id, own = request.account_id, sorted(terms.own)

        async def work(key: AccountKey) -> Request | None:
            def insert(tx: Transaction) -> Request | None:
                tx.lock_account(account_id, exclusive=True)
                now_open = tx.requests.of_reference(account_id, reference)
                if {row.request.id for row in now_open} != {row.request.id for row in known}:
                    return None
                earlier = tx.requests.earlier(account_id, request.kind, own)
                inserted = replace(request, repeat_of=earlier)
                row = sealed_row(key, inserted)
                tx.requests.insert(row, reference_term=reference, terms=own, key_version=key.version)
                append_event(tx, inserted, "request.received", actor=actor, at=request.created_at)
                return inserted

            return await self.database.write(insert)

        return await retry_if_rotated(self.sealed.ring, account_id, work)

    async def read(self, account_id: str, request_id: str, *, period: Period | None = None) -> RequestView:
        """Return a request, with what is found now, in this ``period``, while it is open. Raises NotFound."""
        return await self._view(await self.sealed.read(account_id, request_id), period)

    async def reference(self, account_id: str, request_id: str) -> str | None:
        """Return the account's reference of a request; None once that is forgotten. Raises NotFound."""
        personal = (await self.sealed.read(account_id, request_id)).personal
        return None if personal is None else personal.reference

    async def page(
        self,
        account_id: str,
        *,
        state: RequestState | None,
        due_before: datetime | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[RequestView]:
        """Return a page of requests, newest first, without a search."""
        rows = await self.database.read(
            lambda tx: tx.requests.page(
                account_id, state=state, due_before=due_before, before=before, limit=limit
            )
        )
        opened = [await self.sealed.shown(row) async for row in paced(rows)]
        return [RequestView(request=one, deadline=self._deadline(one), found=None) for one in opened]

    async def verify(
        self, account_id: str, request_id: str, method: VerificationMethod, at: datetime, *, actor: str
    ) -> RequestView:
        """Record that the account verified who asks; the same again changes nothing.

        Raises NotFound, Invalid, Refused ``closed``, or ``verified`` for a later time than the known one.
        """
        request = await self._open_request(account_id, request_id)
        verification = Verification(method=method, at=at, by=actor)
        check_verification(verification, request.received_at, now=self.clock(), field="at")
        return await self._verified(request, verification)

    async def _verified(self, request: Request, verification: Verification) -> RequestView:
        personal = verified(personal_of(request), verification)
        if personal == request.personal:
            return await self._view(request)
        state = RequestState.REVIEW if request.state is RequestState.AWAITING_IDENTITY else request.state
        return await self._change(request, personal, "request.verified", state=state, actor=verification.by)

    async def pause(
        self, account_id: str, request_id: str, reason: PauseReason, *, actor: str
    ) -> RequestView:
        """Record that the account waits for the person from now on. Raises NotFound, Refused."""
        request = await self._open_request(account_id, request_id)
        personal = paused(request, personal_of(request), reason, now=self.clock())
        return await self._change(request, personal, "request.paused", actor=actor)

    async def resume(self, account_id: str, request_id: str, *, actor: str) -> RequestView:
        """Record that the person has answered. Raises NotFound, Refused."""
        request = await self._open_request(account_id, request_id)
        personal = resumed(personal_of(request), now=self.clock())
        return await self._change(request, personal, "request.resumed", actor=actor)

    async def extend(
        self, account_id: str, request_id: str, extension: Extension, *, actor: str
    ) -> RequestView:
        """Extend the deadline, once. Raises NotFound, Invalid, Refused ``too_late`` or ``extended``."""
        request = await self._open_request(account_id, request_id)
        personal = extended(request, personal_of(request), extension, now=self.clock())
        return await self._change(request, personal, "request.extended", actor=actor)

    async def withdraw(self, account_id: str, request_id: str, *, actor: str) -> RequestView:
        """Record that the person withdrew the request: nothing is done. Raises NotFound, Refused once decided."""
        changed = replace(await self._open_request(account_id, request_id), closed_at=self.clock())
        return await self._change(
            changed, personal_of(changed), "request.withdrawn", state=RequestState.WITHDRAWN, actor=actor
        )

    async def decide(
        self,
        account_id: str,
        request_id: str,
        wanted: RulingRequest,
        *,
        actor: str,
        approved: Approved | None = None,
    ) -> RequestView:
        """Decide on everything that is found now. Once this returns, that is durable, and the worker carries it out.

        If the object of this closing act is not known to be stored, a repeated call stores it and raises nothing.
        Raises NotFound, Invalid, ApprovalNeeded, Refused ``too_many_found``, and if it might concern another person
        ``not_verified``, ``period_needed`` and ``review_needed``.
        """
        repeated = await self._repeated(account_id, request_id, wanted)
        if repeated is not None:
            return repeated
        request = await self._open_request(account_id, request_id)
        own = personal_of(request)
        personal = replace(own, period=wanted.period or own.period)
        found = await self._found(account_id, personal)
        if found is None:
            text = Sentence(
                "More than %(number)s recordings or calls are found: send a shorter period.", number=MAX_FOUND
            )
            raise Refused(text, reasons=("too_many_found",))
        informed = await name_informed(self.recipients, request, wanted.informed, now=self.clock())
        ruling = wanted.ruling(found, informed, at=self.clock(), by=actor)
        check_ruling(request.kind, ruling)
        certain = wanted.whole_time or not found.summary.gaps
        check_certainty(request.kind, request.state, ruling, is_one_holder=certain)
        await self.speaker.check(request, personal, ruling)
        decided, gate = replace(personal, ruling=ruling), decision_gate(request, ruling, approved)
        return await self._change(
            request, decided, "request.decided", state=RequestState.EXECUTING, actor=actor, gate=gate
        )

    async def _repeated(self, account_id: str, request_id: str, wanted: RulingRequest) -> RequestView | None:
        """Return a request that is decided so already, if the object of the decision is not known to be stored."""
        if not await self.database.write(
            lambda tx: tx.closing_acts.recall(account_id, "request.decided", request_id)
        ):
            return None
        known = await self.sealed.read(account_id, request_id)
        return await self._view(known) if wanted.is_repeated_by(ruling_of(known)) else None

    async def _open_request(self, account_id: str, request_id: str) -> Request:
        request = await self.sealed.read(account_id, request_id)
        if request.kind == "closure":
            raise Refused("It closes the account: see /closure.", reasons=("closure",))
        if RequestState.WITHDRAWN not in TRANSITIONS.get(request.state, frozenset()):
            raise Refused("The request is decided or closed already.", reasons=("closed",))
        return request

    async def _change(
        self,
        request: Request,
        personal: PersonalData,
        event: EventType,
        *,
        state: RequestState | None = None,
        actor: str,
        gate: Callable[[Transaction], None] = lambda _: None,
    ) -> RequestView:
        now = self.clock()
        due = deadline(request.regime, request.received_at, personal, now=now).due_at
        changed = replace(request, personal=personal, state=state or request.state, due_at=due)
        return await self._view(await self.sealed.change(changed, event, actor=actor, at=now, gate=gate))

    async def _view(self, request: Request, period: Period | None = None) -> RequestView:
        is_open = request.state in OPEN and request.personal is not None and request.kind != "closure"
        found = None
        if is_open:
            own = personal_of(request)
            found = await self._found(request.account_id, replace(own, period=period or own.period))
        due = self._deadline(request)
        return RequestView(request=request, deadline=due, found=found, too_many=is_open and found is None)

    async def _found(self, account_id: str, personal: PersonalData) -> FoundPerson | None:
        """Return what is found of a person; None if it is too much for one decision."""
        try:
            return await self.find(account_id, personal)
        except TooLarge:
            return None

    def _deadline(self, request: Request) -> Deadline:
        if request.personal is None or request.closed_at is not None or request.kind == "closure":
            return Deadline(due_at=request.due_at)
        return deadline(request.regime, request.received_at, request.personal, now=self.clock())

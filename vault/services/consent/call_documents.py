"""Call documents: the platform requests one at call start, after the notice, and after a key press.

The request after the notice is the evidence that the notice was played to its end, so the consent event is
stored then, and not when the notice was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from vault.database.interface import Database
from vault.domain.accounts.account import Connection
from vault.domain.admission.call_flow import Addresses, after_notice, after_yes, opening
from vault.domain.calls.call_document import CallFlow, CallStep, Document, Play, Record
from vault.domain.calls.webhook import Delivery
from vault.domain.consent.consent_event import Answer, ConsentEvent, Method, Party
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice
from vault.errors import FetchFailed, Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.telephony import Provider, RestClient
from vault.services.admission.call_start import CallAnswer, CallStart
from vault.services.consent.enter_objection import ObjectionList
from vault.services.consent.record_consent import RecordConsent
from vault.services.shared.authenticate_webhook import prove
from vault.services.shared.connection_cache import ConnectionCache, OpenedConnection
from vault.structured_log import Log

_LOG = Log(__name__)
Stage = Literal["call", "heard", "key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDocuments:
    """Answer a provider's requests for call documents."""

    database: Database
    providers: Mapping[str, Provider]
    connection_cache: ConnectionCache
    call_start: CallStart
    record_consent: RecordConsent
    objection_list: ObjectionList
    rest: RestClient
    clock: Clock
    public_url: str

    async def build(
        self, stage: Stage, provider_name: str, connection_id: str, delivery: Delivery, *, running: bool
    ) -> Document:
        """Return the document. Raises NotAuthentic, NotFound, Invalid, Refused, Unavailable.

        ``running`` means that the notice was played inside the recording.
        """
        provider, opened = await prove(
            self.providers, self.connection_cache, provider_name, connection_id, delivery
        )
        documents = provider.call_documents
        if documents is None:
            raise NotFound("This provider does not use call documents.")
        if opened.connection.next_url is None:
            text = "Set next_url on the connection: the URL where the platform continues the call."
            raise Refused(text, reasons=("no_next_url",))
        step = documents.step(delivery)
        call_flow = await self._call_flow(stage, opened, step, running=running)
        for instruction in call_flow:
            if isinstance(instruction, Record):
                await self._begin(provider, opened, step, instruction)
        return documents.document(call_flow)

    async def _begin(
        self, provider: Provider, opened: OpenedConnection, step: CallStep, record: Record
    ) -> None:
        """Start a recording over REST, if the platform cannot start it by a document.

        If that fails, the call continues without a recording: the parties must not wait for the vault.
        """
        try:
            access = opened.access(self.clock())
            request = provider.record_request(step.facts.call_ref, record.status_url, access)
            if request is None:
                return
            status = (await self.rest.send(request)).status
        except FetchFailed as error:
            _LOG.warning("steer.not_recorded", connection_id=opened.connection.id, reason=str(error))
            return
        if status // 100 != 2:  # noqa: PLR2004 - the class of success
            _LOG.warning("steer.not_recorded", connection_id=opened.connection.id, status=status)

    async def _call_flow(
        self, stage: Stage, opened: OpenedConnection, step: CallStep, *, running: bool
    ) -> CallFlow:
        connection, facts = opened.connection, step.facts
        answer = await self.call_start(connection.account_id, facts)
        if stage == "call" and answer.facts.started_at is None:
            # Set only if no start is known: a later start would hide earlier changes of the recording switch.
            begun = replace(facts, started_at=self.clock())
            answer = await self.call_start(connection.account_id, begun)
        request = _DocumentRequest(connection=connection, call_ref=facts.call_ref, answer=answer)
        to, prompt = self._addresses(connection), self._prompt(request.notice)
        if stage == "call":
            return opening(answer.decision, prompt, to)
        if step.key is None:
            # No key press interrupted the notice.
            await self._record(request, "announced")
        consent = None if step.key is None else await self._answered(request, step.key)
        if consent == "accepted":
            return after_yes(answer.decision, prompt, to)
        decision = replace(answer.decision, verdict="refuse") if consent == "declined" else answer.decision
        return after_notice(decision, prompt, to, running=running)

    async def _answered(self, request: "_DocumentRequest", key: str) -> Answer | None:
        """Store the answer that the key means; None for a key without a meaning."""
        account_id = request.connection.account_id
        keys = (await self.database.read(lambda tx: tx.policies.current(account_id))).keys
        if key == keys.accept:
            await self._record(request, "accepted")
            return "accepted"
        if key not in {keys.decline, keys.object}:
            return None
        await self._record(request, "declined")
        if key == keys.object:
            await self._object(request)
        return "declined"

    async def _record(self, request: "_DocumentRequest", answer: Answer) -> None:
        notice, now = request.notice, self.clock()
        if notice is None:
            return
        played = answer == "announced"
        seconds = notice.audio_seconds if played else None
        length = None if seconds is None else timedelta(seconds=seconds)
        method: Method = ("tone" if notice.mode == "tone" else "announcement") if played else "key"
        for party in request.parties:
            event = ConsentEvent(
                id=new_id("told"),
                party=party,
                answer=answer,
                method=method,
                # The start of the notice: it has just ended.
                at=now - (length or timedelta(0)),
                heard_at=now,
                notice=notice.as_evidence,
                length=length,
                told_by=request.connection.id,
            )
            await self.record_consent(request.connection.account_id, request.call_ref, event)

    async def _object(self, request: "_DocumentRequest") -> None:
        """Enter an objection for the outside party's number, if there is a number and only one outside party."""
        facts, connection = request.answer.facts, request.connection
        number = facts.caller if request.parties == ("caller",) else facts.callee
        if number is None or len(request.parties) > 1:
            # One of two numbers is the account's own, which must not get an objection.
            return
        try:
            await self.objection_list.enter(
                connection.account_id, number, reason="key press in a call", actor=connection.id
            )
        except Invalid:
            return

    def _addresses(self, connection: Connection) -> Addresses:
        webhook = f"{self.public_url}/webhooks/{connection.provider}/{connection.id}"
        return Addresses(
            status=webhook,
            heard=f"{webhook}/heard",
            heard_inside=f"{webhook}/heard?running=1",
            key=f"{webhook}/key",
            next=connection.next_url or "",
        )

    def _prompt(self, notice: Notice | None) -> Play | None:
        if notice is None:
            return None
        url = f"{self.public_url}/notices/{notice.id}/prompt.wav" if notice.audible else None
        return Play(text=notice.text, language=notice.language, audio_url=url)


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentRequest:
    """One request of the platform for a document, with the vault's answer for its call."""

    connection: Connection
    call_ref: str
    answer: CallAnswer

    @property
    def parties(self) -> tuple[Party, ...]:
        """Return the parties outside the account.

        Where the direction of the call is not reported (TeXML never does), these are caller and callee, so events
        are stored for both: one of them is the party who heard the notice and pressed the key.
        """
        return tuple(sorted(self.answer.outside))

    @property
    def notice(self) -> Notice | None:
        """Return the notice for the outside party."""
        return next((notice for party, notice in self.answer.notices if party != "agent"), None)

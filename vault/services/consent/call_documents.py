"""Steering a call by documents: the platform asks at its start, after the notice, and with the key pressed.

That the platform comes back after the notice is the evidence that it was played to its end, so the
event is kept at that moment and not when the notice was handed out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from vault.domain.accounts.account import Connection
from vault.domain.calls.call_document import CallFlow, CallStep, Document, Play, Record
from vault.domain.calls.webhook import Delivery
from vault.domain.consent.call_flow import Addresses, after_notice, after_yes, opening
from vault.domain.consent.consent_event import Answer, ConsentEvent, Method, Party
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice
from vault.errors import FetchFailed, Invalid, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.database import Database
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
class BuildCallDocument:
    """Answer one request for a document."""

    database: Database
    providers: Mapping[str, Provider]
    connections: ConnectionCache
    call_start: CallStart
    tell: RecordConsent
    objection_list: ObjectionList
    rest: RestClient
    clock: Clock
    public_url: str

    async def __call__(
        self, stage: Stage, provider_name: str, connection_id: str, delivery: Delivery, *, running: bool
    ) -> Document:
        """Return the document. Raises NotAuthentic, NotFound, Invalid, Refused, Unavailable.

        ``running`` says that the address led back from a notice inside the recording.
        """
        provider, opened = await prove(
            self.providers, self.connections, provider_name, connection_id, delivery
        )
        documents = provider.call_documents
        if documents is None:
            raise NotFound("This provider asks for no documents.")
        if opened.connection.next_url is None:
            text = "Set next_url on the connection: the call needs to know how it goes on."
            raise Refused(text, reasons=("no_next_url",))
        step = documents.step(delivery)
        call_flow = await self._call_flow(stage, opened, step, running=running)
        for one in call_flow:
            if isinstance(one, Record):
                await self._begin(provider, opened, step, one)
        return documents.document(call_flow)

    async def _begin(
        self, provider: Provider, opened: OpenedConnection, step: CallStep, record: Record
    ) -> None:
        """Begin a recording by REST, where the platform has no document for it.

        Where that fails the call goes on unrecorded: nobody waits on the line for the vault.
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
            # A later beginning than one that is known would hide what the switch did before it.
            begun = replace(facts, started_at=self.clock())
            answer = await self.call_start(connection.account_id, begun)
        turn = _Turn(connection=connection, call_ref=facts.call_ref, answer=answer)
        to, prompt = self._addresses(connection), self._prompt(turn.notice)
        if stage == "call":
            return opening(answer.decision, prompt, to)
        if step.key is None:
            # No key cut the notice short.
            await self._tell(turn, "announced")
        said = None if step.key is None else await self._answered(turn, step.key)
        if said == "accepted":
            return after_yes(answer.decision, prompt, to)
        decision = replace(answer.decision, verdict="refuse") if said == "declined" else answer.decision
        return after_notice(decision, prompt, to, running=running)

    async def _answered(self, turn: "_Turn", key: str) -> Answer | None:
        """Keep what the key says; None for a key that says nothing."""
        account_id = turn.connection.account_id
        keys = (await self.database.read(lambda tx: tx.policies.current(account_id))).keys
        if key == keys.accept:
            await self._tell(turn, "accepted")
            return "accepted"
        if key not in {keys.decline, keys.object}:
            return None
        await self._tell(turn, "declined")
        if key == keys.object:
            await self._object(turn)
        return "declined"

    async def _tell(self, turn: "_Turn", said: Answer) -> None:
        notice, now = turn.notice, self.clock()
        if notice is None:
            return
        told = said == "announced"
        length = None if notice.audio_seconds is None or not told else timedelta(seconds=notice.audio_seconds)
        method: Method = ("tone" if notice.mode == "tone" else "announcement") if told else "key"
        for party in turn.parties:
            event = ConsentEvent(
                id=new_id("told"),
                party=party,
                answer=said,
                method=method,
                # It began when it had not yet ended.
                at=now - (length or timedelta(0)),
                heard_at=now,
                notice=notice.as_evidence,
                length=length,
                told_by=turn.connection.id,
            )
            await self.tell(turn.connection.account_id, turn.call_ref, event)

    async def _object(self, turn: "_Turn") -> None:
        """Put the party's number on the list, where it shows one and it is known who that is."""
        facts, connection = turn.answer.facts, turn.connection
        number = facts.caller if turn.parties == ("caller",) else facts.callee
        if number is None or len(turn.parties) > 1:
            # The other number is the account's own, and must not end up on the list.
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
class _Turn:
    """One turn of the conversation with the platform about one call."""

    connection: Connection
    call_ref: str
    answer: CallAnswer

    @property
    def parties(self) -> tuple[Party, ...]:
        """Return who is on this line: the party outside the account.

        Where nobody says who called whom (TeXML never does), it is the caller or the callee, so what was
        heard and pressed is kept of both: whichever of them is outside the account, it was that one.
        """
        return tuple(sorted(self.answer.outside))

    @property
    def notice(self) -> Notice | None:
        """Return what is heard on it."""
        return next((notice for party, notice in self.answer.notices if party != "agent"), None)

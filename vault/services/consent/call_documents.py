"""Call documents: the platform requests one at call start, after the notice, and after a key press.

The request after the notice is the evidence that the notice was played to its end, so the consent event is
stored then, and not when the notice was sent.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from typing import Literal

from vault.database.interface import Database
from vault.domain.accounts.account import Connection
from vault.domain.admission.call_flow import Addresses, after_notice, after_yes, opening
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import SIDES, Direction
from vault.domain.calls.call_document import CallFlow, CallStep, Document, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.consent_event import MODES, Answer, ConsentEvent, Method, Party
from vault.domain.consent.objecting_party import objector, press_of
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice, asks_for_key, mode_as_played
from vault.domain.public_urls import PublicUrls
from vault.errors import AccountClosed, FetchFailed, NotFound, Refused
from vault.ports.clock import Clock
from vault.ports.telephony import Provider, RestClient
from vault.services.admission.call_start import CallStart
from vault.services.consent.key_objections import KeyObjections
from vault.services.consent.record_consent import RecordConsent
from vault.services.consent.told_keys import HandedNotice, ToldKeys, read_told
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
    key_objections: KeyObjections
    rest: RestClient
    clock: Clock
    urls: PublicUrls

    async def build(
        self,
        stage: Stage,
        provider_name: str,
        connection_id: str,
        delivery: Delivery,
        *,
        running: bool,
        handed: str | None = None,
        direction: Direction | None = None,
    ) -> Document:
        """Return the document. Raises NotAuthentic, NotFound, Invalid, Refused, Unavailable.

        ``running`` means that the notice was played inside the recording. ``handed`` is what the address of this
        request says of the notice that was played, and ``direction`` what the account's address says of its calls; the
        platform's own word counts above it.
        """
        provider, opened = await prove(
            self.providers, self.connection_cache, provider_name, connection_id, delivery
        )
        documents = provider.call_documents
        if documents is None:
            raise NotFound("This provider does not use call documents.")
        step = documents.step(delivery)
        facts = replace(step.facts, direction=step.facts.direction or direction)
        request = await self._request(opened.connection, replace(step, facts=facts), handed)
        refuses = stage != "call" and request.refuses
        if refuses:
            # Before all that may fail: a no is stored, whatever became of notice, call and connection.
            await self._refuse(request)
        if opened.connection.next_url is None:
            text = "Set next_url on the connection: the URL where the platform continues the call."
            raise Refused(text, reasons=("no_next_url",))
        if refuses:
            return documents.document((Redirect(url=opened.connection.next_url),))
        call_flow = await self._call_flow(stage, request, running=running)
        for instruction in call_flow:
            if isinstance(instruction, Record):
                await self._begin(provider, opened, request.step, instruction)
        return documents.document(call_flow)

    async def _request(self, connection: Connection, step: CallStep, handed: str | None) -> "_Request":
        account_id, call_ref = connection.account_id, step.facts.call_ref
        index_key = await self.call_start.call_terms.index_key(account_id)
        handed_out = None if handed is None else HandedNotice.read(handed, index_key, connection.id, call_ref)

        pressed = step.key is not None
        return _Request(
            connection=connection,
            step=step,
            index_key=index_key,
            told=await self.database.read(lambda tx: read_told(tx, account_id, handed_out, pressed=pressed)),
            unheard=self.providers[connection.provider].unheard_keys,
        )

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

    async def _refuse(self, request: "_Request") -> None:
        """Store the no of whoever pressed the key, and the objection if the key means that too."""
        account_id, facts = request.connection.account_id, request.step.facts
        known = await self.call_start.call_opener.load_call(account_id, facts.call_ref, facts)
        who = objector(known.statements, press_of(facts, known.statements)) if request.objects else None
        objecting: tuple[Party, ...] = ()
        if request.objects:
            objecting = SIDES if who is None else (who.party,)
        parties = _parties({*known.claims.outside, *objecting})
        events = await self._record(request, "declined", parties, objecting)
        if who is not None:
            await self.key_objections.enter(account_id, who, known, events[-1])
        # The call has its no. That it may have the max number of facts does not matter any more.
        with suppress(Refused):
            await self.call_start(account_id, facts)

    async def _call_flow(self, stage: Stage, request: "_Request", *, running: bool) -> CallFlow:
        account_id, facts, key = request.connection.account_id, request.step.facts, request.step.key
        answer = await self.call_start(account_id, facts)
        if stage == "call" and answer.facts.started_at is None:
            # Set only if no start is known: a later start would hide earlier changes of the recording switch.
            begun = replace(facts, started_at=self.clock())
            answer = await self.call_start(account_id, begun)
        notice = next((notice for party, notice in answer.notices if party != "agent"), None)
        if notice is not None and request.unheard & request.named_by(notice):
            # As without a notice: the key that it names would be silence.
            _LOG.warning("steer.unheard_key", connection_id=request.connection.id)
            notice = None
        to, prompt = self._addresses(request, notice), self._prompt(notice)
        decision = _as_played(answer.decision, notice if stage == "call" else request.told.notice)
        if stage == "call":
            return opening(decision, prompt, to)
        parties = _parties(answer.outside)
        if key is None:
            # No key press interrupted the notice.
            await self._record(request, "announced", parties)
        elif request.accepts:
            await self._record(request, "accepted", parties)
            return after_yes(decision, prompt, to, running=running)
        return after_notice(decision, prompt, to, running=running)

    async def _record(
        self, request: "_Request", answer: Answer, parties: Sequence[Party], objecting: Sequence[Party] = ()
    ) -> Sequence[ConsentEvent]:
        notice, now = request.told.notice, self.clock()
        if notice is None and answer != "declined":
            # Nobody knows what was played, so it proves nothing. A no needs no proof.
            _LOG.warning("steer.unknown_notice", connection_id=request.connection.id)
            return ()
        played = answer == "announced"
        seconds = notice.audio_seconds if played and notice is not None else None
        length = None if seconds is None else timedelta(seconds=seconds)
        tone = notice is not None and notice.mode == "tone"
        method: Method = ("tone" if tone else "announcement") if played else "key"
        events = [
            ConsentEvent(
                id=new_id("told"),
                party=party,
                answer=answer,
                method=method,
                # The start of the notice: it has just ended.
                at=now - (length or timedelta(0)),
                heard_at=now,
                notice=None if notice is None else notice.as_evidence,
                length=length,
                told_by=request.connection.id,
                objects=party in objecting,
            )
            for party in parties
        ]
        for event in events:
            # The document of a closed account lets the call go on, without a recording.
            with suppress(AccountClosed):
                await self.record_consent(request.connection.account_id, request.step.facts.call_ref, event)
        return events

    def _addresses(self, request: "_Request", notice: Notice | None) -> Addresses:
        """Return the next addresses. Those after a notice name it, with the keys that its text names."""
        connection = request.connection
        webhook = self.urls.webhook(connection.provider, connection.id)
        named = "" if notice is None else f"notice={request.name(notice)}"
        return Addresses(
            status=webhook,
            heard=f"{webhook}/heard{named and '?'}{named}",
            heard_inside=f"{webhook}/heard?running=1{named and '&'}{named}",
            key=f"{webhook}/key{named and '?'}{named}",
            key_inside=f"{webhook}/key?running=1{named and '&'}{named}",
            next=connection.next_url or "",
        )

    def _prompt(self, notice: Notice | None) -> Play | None:
        if notice is None:
            return None
        url = self.urls.prompt(notice.id) if notice.audible else None
        return Play(text=notice.text, language=notice.language, audio_url=url)


def _as_played(decision: Decision, notice: Notice | None) -> Decision:
    """Return the decision with the mode of the notice, if that is stricter: what it says of a key holds."""
    mode = decision.mode if notice is None else mode_as_played(notice)
    return replace(decision, mode=max(mode, decision.mode, key=MODES.index))


def _parties(outside: Collection[Party]) -> tuple[Party, ...]:
    """Return the parties outside the account, whom an event is of.

    Where the direction of the call is not reported (TeXML never does), these are caller and callee, so events are
    stored for both: one of them is the party who heard the notice and pressed the key.
    """
    return tuple(sorted(outside))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """One request of the platform for a document."""

    connection: Connection
    step: CallStep
    index_key: bytes
    told: ToldKeys
    #: The keys that the platform does not report.
    unheard: frozenset[str]

    @property
    def refuses(self) -> bool:
        """Return whether the pressed key means no."""
        return self.told.refuses(self.step.key)

    @property
    def objects(self) -> bool:
        """Return whether the pressed key means an objection, too."""
        return self.told.objects(self.step.key)

    @property
    def accepts(self) -> bool:
        """Return whether the pressed key means yes."""
        return self.told.accepts(self.step.key)

    def named_by(self, notice: Notice) -> set[str | None]:
        """Return the keys that the text of a notice names, if it asks for one."""
        return set(astuple(self.told.keys_of(notice))) if asks_for_key(notice) else set()

    def name(self, notice: Notice) -> str:
        """Return the name of a notice that is handed out now, for an address of this call."""
        handed = HandedNotice(notice_id=notice.id, keys=self.told.keys_of(notice))
        return handed.write(self.index_key, self.connection.id, self.step.facts.call_ref)

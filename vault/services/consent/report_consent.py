"""Consent reported by the platform over REST: notices played to parties, and parties' answers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.domain.consent.consent_event import Answer, ConsentEvent, Method, Party
from vault.domain.consent.decision import Decision
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.ports.database import Database
from vault.services.consent.record_consent import RecordConsent

#: The methods that are possible for each answer.
_METHODS: dict[Answer, frozenset[Method]] = {
    "announced": frozenset({"announcement", "tone", "form", "speech"}),
    "accepted": frozenset({"key", "speech", "form"}),
    "declined": frozenset({"key", "speech", "form"}),
    "withdrawn": frozenset({"key", "speech", "form"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """One consent event of one party, as the platform sends it."""

    party: Party
    answer: Answer
    method: Method
    at: datetime
    #: The id of a published or retired notice version.
    notice: str | None = None
    offset: timedelta | None = None
    length: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Store one consent event. Events keep the order in which the vault received them; the strictest one counts."""

    database: Database
    tell: RecordConsent
    clock: Clock

    async def __call__(
        self, account_id: str, call_ref: str, request: ConsentRequest, *, actor: str
    ) -> tuple[ConsentEvent, Decision]:
        """Return the event and the current decision on the call. Raises Invalid, Refused, Unavailable."""
        if request.method not in _METHODS[request.answer]:
            methods = ", ".join(sorted(_METHODS[request.answer]))
            raise Invalid(f"method must be one of {methods} for the event {request.answer}.", field="method")
        notice = None if request.notice is None else await self._notice(account_id, request.notice)
        length = request.length
        if length is None and notice is not None and notice.audio_seconds is not None:
            length = timedelta(seconds=notice.audio_seconds)
        event = ConsentEvent(
            id=new_id("told"),
            party=request.party,
            answer=request.answer,
            method=request.method,
            at=request.at,
            heard_at=self.clock(),
            notice=None if notice is None else notice.as_evidence,
            offset=request.offset,
            length=length,
            told_by=actor,
        )
        return event, await self.tell(account_id, call_ref, event)

    async def _notice(self, account_id: str, notice_id: str) -> Notice:
        found = await self.database.read(lambda tx: tx.notices.get(account_id, notice_id))
        if found is None or found.status == "draft":
            raise Invalid("notice must be the id of a published or retired notice.", field="notice")
        return found

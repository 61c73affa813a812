"""Consent, told by the platform over REST: who was told what, and what they answered."""

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

#: Which methods an answer can come by.
_METHODS: dict[Answer, frozenset[Method]] = {
    "announced": frozenset({"announcement", "tone", "form", "speech"}),
    "accepted": frozenset({"key", "speech", "form"}),
    "declined": frozenset({"key", "speech", "form"}),
    "withdrawn": frozenset({"key", "speech", "form"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """What a platform says of one party."""

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
    """Keep one consent event, in the order in which the vault hears of them; the strictest counts."""

    database: Database
    tell: RecordConsent
    clock: Clock

    async def __call__(
        self, account_id: str, call_ref: str, wish: ConsentRequest, *, actor: str
    ) -> tuple[ConsentEvent, Decision]:
        """Return the event and how the call's case stands now. Raises Invalid, Refused, Unavailable."""
        if wish.method not in _METHODS[wish.answer]:
            ways = ", ".join(sorted(_METHODS[wish.answer]))
            raise Invalid(f"Nobody has {wish.answer} by {wish.method}: it is {ways}.", field="method")
        notice = None if wish.notice is None else await self._notice(account_id, wish.notice)
        length = wish.length
        if length is None and notice is not None and notice.audio_seconds is not None:
            length = timedelta(seconds=notice.audio_seconds)
        event = ConsentEvent(
            id=new_id("told"),
            party=wish.party,
            answer=wish.answer,
            method=wish.method,
            at=wish.at,
            heard_at=self.clock(),
            notice=None if notice is None else notice.as_evidence,
            offset=wish.offset,
            length=length,
            told_by=actor,
        )
        return event, await self.tell(account_id, call_ref, event)

    async def _notice(self, account_id: str, notice_id: str) -> Notice:
        found = await self.database.read(lambda tx: tx.notices.get(account_id, notice_id))
        if found is None or found.status == "draft":
            raise Invalid("There is no published notice of this id.", field="notice")
        return found

"""What a package says beside recordings (GDPR art. 15(1)): the processing, how long a recording is kept, other calls.

The record of processing and the retention of a recording are those that their own services show: the composition
passes both functions.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vault.database.interface import Database
from vault.domain.accounts.account import Account
from vault.domain.consent.consent_event import ConsentEvent
from vault.domain.notices.notice import base_language
from vault.domain.registers.access_answer import answer_json, answer_sections
from vault.domain.registers.entries import Recipient
from vault.domain.registers.privacy_page import PageTexts
from vault.domain.registers.processing_record import ProcessingRecord
from vault.domain.requests.decision import effect_of
from vault.domain.requests.request import Request
from vault.domain.retention.terms import RetentionTerms
from vault.errors import NotFound, RecordingErased
from vault.rfc3339 import write_rfc3339
from vault.services.registers.sealed_entries import SealedEntries
from vault.services.requests.sealed_requests import personal_of, ruling_of
from vault.services.requests.speakers import FindSpeaker
from vault.services.shared.paced import paced
from vault.services.shared.sealed_metadata import SealedMetadata


class Kept(Protocol):
    """How long a recording is kept."""

    @property
    def terms(self) -> RetentionTerms:
        """Return its terms under the policies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutProcessing:
    """The answer about the processing: as data, and as headings with lines for the page."""

    text: str
    sections: Sequence[tuple[str, Sequence[str]]]
    #: Those of the language in which it is.
    texts: PageTexts


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAbout:
    """Read the information about the processing that a person gets beside the recordings."""

    database: Database
    speaker: FindSpeaker
    sealed_metadata: SealedMetadata
    recipients: SealedEntries[Recipient]
    record: Callable[[Account], Awaitable[ProcessingRecord]]
    retention: Callable[[str, str], Awaitable[Kept]]
    #: By language.
    page_texts: Mapping[str, PageTexts]

    async def processing(self, account_id: str, language: str | None) -> AboutProcessing:
        """Return purposes, recipients by name, periods and rights. Raises NotFound, Tampered, Unavailable.

        They are in ``language``, else in that of the account, else in English.
        """
        account = await self.database.read(lambda tx: tx.accounts.find(account_id))
        if account is None:
            raise NotFound("There is no such account.")
        texts = self.page_texts.get(language or base_language(account.locale), self.page_texts["en"])
        record, recipients = await self.record(account), await self.recipients.every(account_id)
        return AboutProcessing(
            text=json.dumps(answer_json(record, recipients, texts), indent=2),
            sections=answer_sections(record, recipients, texts),
            texts=texts,
        )

    async def kept(self, account_id: str, recording_id: str) -> str | None:
        """Return until when a recording is kept and by which periods; None if it was erased meanwhile.

        A hold is left out: it may be the secret of an authority.
        """
        try:
            terms = (await self.retention(account_id, recording_id)).terms
        except (NotFound, RecordingErased):
            return None
        content = {
            "counted_from": None if terms.base_at is None else write_rfc3339(terms.base_at),
            "until": None if terms.act_at is None else write_rfc3339(terms.act_at),
            "periods": [
                {
                    "kind": bound.kind,
                    "class": bound.class_name,
                    "period": bound.period,
                    "until": None if bound.until is None else write_rfc3339(bound.until),
                    "statute": bound.statute,
                }
                for bound in terms.bounds
            ],
        }
        return json.dumps(content, indent=2)

    async def calls(self, request: Request) -> Sequence[dict[str, Any]]:
        """Return what is known of the calls without a recording that are to be provided, without the other party."""
        ruling, found = ruling_of(request), list[dict[str, Any]]()
        async for call_ref in paced(ruling.calls):
            if effect_of(request.kind, ruling.verdict_on(call_ref)) == "provide":
                found.append(await self._call(request, call_ref))
        return found

    async def _call(self, request: Request, call_ref: str) -> dict[str, Any]:
        call = await self.speaker.call_opener.load_call(request.account_id, call_ref)
        own = await self.speaker.own_side(request.account_id, call.claims, personal_of(request))
        row = await self.database.read(lambda tx: tx.call_metadata.get(request.account_id, call_ref))
        moments = {name: getattr(call.facts, name) for name in ("started_at", "answered_at", "ended_at")}
        return {
            "direction": call.facts.direction,
            **{name: None if at is None else write_rfc3339(at) for name, at in moments.items()},
            "you": own.side,
            "your_number": own.numbers.get(own.side) if own.side else None,
            "consent": [_told(event) for event in call.events if event.party == own.side],
            "metadata": {} if row is None else await self.sealed_metadata.open(row),
        }


def _told(event: ConsentEvent) -> dict[str, str]:
    return {"answer": event.answer, "method": event.method, "at": write_rfc3339(event.at)}

"""The receipt of a request as a page for the person: what was done with their data, in words, to read and to print.

The file beside it proves each statement; this page proves nothing, and says where the proof is.
"""

from collections.abc import Mapping
from typing import Final

from fastapi import Response

from vault.domain.registers.privacy_page import PageTexts
from vault.domain.requests.decision import Code
from vault.domain.requests.receipt_summary import ReceiptSummary
from vault.domain.requests.request import Request
from vault.web.console.requests.words import kind_title, reference_of
from vault.web.console.words import REQUEST_STATES
from vault.web.http.html import environment
from vault.web.http.translations import in_language, translatable

#: What was done, to the person; before it stands how many recordings.
OUTCOME_WORDS: Final[Mapping[Code, str]] = translatable(
    {
        "erased": "Erased, with the keys that open it",
        "restricted": "Restricted: it is stored, and not used without your consent but for legal claims",
        "provided": "Given to you: what you said in it",
        "provided_whole": "Given to you as a whole",
        "noted": "Your statement was noted",
        "waits_for_hold": "Kept until a legal duty to preserve it ends; then it is erased",
        "pending_hold": "Kept: there is a legal duty to preserve it",
        "kept_legal_obligation": "Kept: a law requires it",
        "kept_claims": "Kept: it is needed for legal claims",
        "kept_expression": "Kept: for freedom of expression and information",
        "kept_grounds": "Kept: compelling grounds outweigh your objection",
        "third_party": "Not given to you: it would harm the rights of others",
        "no_match": "Nothing about you was found",
        "not_yours": "Nothing was done: it is not about you",
        "not_verified": "Nothing was done: who you are could not be verified",
        "unfounded": "Nothing was done: the request is manifestly unfounded",
        "excessive": "Nothing was done: the request is excessive",
        "no_right": "Nothing was done: the law gives no such right here",
        "not_provided": "It could not be given to you; the package says why",
    }
)
#: What stays after an erasure, by the code of the receipt.
STAY_WORDS: Final = translatable(
    {
        "tombstone": "The id and the times of each recording, and its id at the telephone platform, so that it is not "
        "stored again.",
        "access_events": "The log of who listened: ids and codes, and names that are encrypted.",
        "consent_refusals": "That you refused to be recorded, encrypted: it counts for recordings that arrive later.",
        "objections": "Your number in the list of numbers that must not be recorded, encrypted, if you asked for that.",
        "request": "This request and its receipt, encrypted, until the time ends for which requests are kept.",
        "database_backups": "Backups of the database. No key in them opens a recording without those of the account.",
        "locked_objects": "Encrypted data whose key is deleted, and which a law required to be stored for some time.",
    }
)
#: What became of what another system was given.
HANDED_OVER_WORDS: Final = translatable(
    {
        "removed": "removed there",
        "told": "it confirmed that it was told to remove it",
        "waiting": "it has not confirmed the removal yet",
        "left": "not removed there",
    }
)


def receipt_page(
    request: Request, summary: ReceiptSummary, texts: PageTexts, *, account: str, contact: str | None
) -> Response:
    """Return the page as a file in the language of ``texts``; ``contact``: where the person can ask."""
    with in_language(texts.language):
        page = (
            environment()
            .get_template("console/receipt_page.html")
            .render(
                language=texts.language,
                account=account,
                contact=contact,
                day=texts.day,
                summary=summary,
                kind=kind_title(request.kind),
                reference=reference_of(request),
                request_id=request.id,
                state=REQUEST_STATES[summary.outcome],
                outcome_words=OUTCOME_WORDS,
                stay_words=STAY_WORDS,
                handed_over_words=HANDED_OVER_WORDS,
            )
        )
    name = f"receipt-{request.id}-{texts.language}.html"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)

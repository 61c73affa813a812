"""Notices that tests of every room begin with."""

from datetime import UTC, date, datetime

from vault.domain.legal_rules.rule import Rule, RuleBook
from vault.domain.notices.notice import Notice, NoticeRequest, text_digest

MORNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
#: What an author says of a notice that is complete in every place.
ELEMENTS = {
    "controller": "Acme Limited",
    "purposes": "to check the quality of our service",
    "refusal": "press 9 now",
    "full_notice": "acme.example/privacy",
    "retention": "six months",
}
TEXT = (
    "This call is recorded by Acme Limited to check the quality of our service. The recording is kept for six "
    "months. The full privacy notice is at acme.example/privacy. If you do not want this, press 9 now."
)


def rule(place, **said):
    """Return the rule of a place."""
    return Rule(place=place, name=place, consent="notice", reviewed_on=date(2026, 11, 1), **said)


#: Belgium wants the retention to be spoken, France does not, and what nobody knows is strict.
BOOK = RuleBook(
    version="1",
    rules={"FR": rule("FR"), "BE": rule("BE", retention_spoken=True), "US": rule("US")},
    unknown=rule("*", retention_spoken=True),
)


def notice(notice_id="ntc_1", **said):
    """Return a draft that can be published, but for what is said otherwise."""
    values = {
        "id": notice_id, "account_id": "acct_a", "language": "en", "audience": "caller",
        "mode": "announce", "places": (), **ELEMENTS, "text": TEXT, "audio_sha256": None,
        "audio_seconds": None, "status": "draft", "version": None, "created_at": MORNING,
        "created_by": "key_1", "published_at": None, "retired_at": None,
    }  # fmt: skip
    values |= said
    return Notice(**values, text_sha256=text_digest(values["text"]))


def wish(**said):
    """Return what an author says, complete but for the text."""
    return NoticeRequest(**{"language": "en", "audience": "caller", "mode": "announce"} | ELEMENTS | said)

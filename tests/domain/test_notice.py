"""Which notice may be published, and which one a party is told."""

import hashlib
from itertools import product

import pytest

from tests.support.notice_drafts import BOOK, ELEMENTS, TEXT, notice
from vault.domain.consent.consent_event import MODES
from vault.domain.notices.notice import AUDIENCES, NOTICE_MODES, check_complete, choose, text_digest
from vault.errors import Invalid


def test_a_complete_notice_can_be_published():
    """With every element in its text nothing is missing, for every audience, in places with and without retention."""
    for audience in AUDIENCES:
        check_complete(notice(audience=audience, places=("FR", "BE")), BOOK)


#: What is left out, for whom, for which places, and the field that is named; None where it may be left out.
LEFT_OUT = [
    ("controller", "caller", (), "controller"),
    ("controller", "agent", (), "controller"),
    ("purposes", "callee", (), "purposes"),
    ("purposes", "agent", (), "purposes"),
    ("refusal", "caller", (), "refusal"),
    ("refusal", "callee", (), "refusal"),
    ("refusal", "agent", (), None),
    ("full_notice", "caller", (), "full_notice"),
    ("full_notice", "agent", (), "full_notice"),
    ("retention", "caller", (), None),
    ("retention", "caller", ("FR",), None),
    ("retention", "caller", ("BE",), "retention"),
    ("retention", "agent", ("BE",), "retention"),
    ("retention", "caller", ("FR", "BE"), "retention"),
    # The state has no rule of its own, and the country asks for nothing.
    ("retention", "caller", ("US-OR",), None),
    # A place that the book does not have is treated strictly.
    ("retention", "caller", ("BR",), "retention"),
]


@pytest.mark.parametrize(("element", "audience", "places", "named"), LEFT_OUT)
@pytest.mark.parametrize("empty", ["", " \n"], ids=["empty", "blank"])
def test_an_element_that_is_missing_is_named(element, audience, places, named, empty):
    """Each of the five in turn, as far as the audience and the places ask for it."""
    draft = notice(audience=audience, places=places, **{element: empty})
    if named is None:
        check_complete(draft, BOOK)
        return
    with pytest.raises(Invalid) as caught:
        check_complete(draft, BOOK)
    assert caught.value.field == named


@pytest.mark.parametrize("element", ELEMENTS)
def test_an_element_must_be_heard(element):
    """What an element says, and the text does not, is named; also where the element could have been left out."""
    with pytest.raises(Invalid) as caught:
        check_complete(notice(text=TEXT.replace(ELEMENTS[element], "something else")), BOOK)
    assert caught.value.field == element


def test_case_and_white_space_do_not_count():
    """Letters that are equal when folded, another spelling of a character, no-break spaces: all the same words."""
    check_complete(notice(controller="ACME  limited", purposes="to check the\nquality of our service"), BOOK)
    text = TEXT.replace("Acme Limited", "STRASSE Cafe\u0301")
    check_complete(notice(controller="Straße\u00a0CAFÉ", text=text), BOOK)


def test_a_place_to_be_filled_in_is_no_text():
    """A default text whose placeholder is still there cannot be published."""
    with pytest.raises(Invalid) as caught:
        check_complete(notice(text=TEXT + " Or call {controller}."), BOOK)
    assert caught.value.field == "text"
    check_complete(notice(text=TEXT + " {Braces} are words."), BOOK)


def test_a_tone_needs_its_audio():
    """The platform would speak the text, and then nobody heard a tone."""
    with pytest.raises(Invalid) as caught:
        check_complete(notice(mode="tone"), BOOK)
    assert caught.value.field == "audio"
    check_complete(notice(mode="tone", audio_sha256="00"), BOOK)


def test_the_digest_is_that_of_the_bytes():
    """SHA-256 of the text in UTF-8, to the last blank."""
    assert text_digest("é ") == hashlib.sha256(b"\xc3\xa9 ").hexdigest()


def published(*kinds):
    """Return published notices of ``language/mode``, whose ids say what they are."""
    return [
        notice(kind, language=kind.split("/")[0], mode=kind.split("/")[1], status="published", version=1)
        for kind in kinds
    ]


EVERY = ("en/announce", "en-GB/announce", "fr/announce", "fr-CA/announce", "de/announce", "pt-BR/announce")
#: What there is, which mode and languages are wanted, and what is chosen.
CHOICES = [
    # The exact tag, then the base language, then another region of it.
    (EVERY, "announce", ("fr-CA", "en"), "fr-CA/announce"),
    (EVERY, "announce", ("fr", "en"), "fr/announce"),
    (EVERY, "announce", ("fr-BE", "de"), "fr/announce"),
    (EVERY, "announce", ("FR-ca",), "fr-CA/announce"),
    (EVERY, "announce", ("pt-PT", "de"), "pt-BR/announce"),
    (EVERY, "announce", ("pt", "de"), "pt-BR/announce"),
    # Then the account's locale, then English, then whatever there is.
    (EVERY, "announce", ("ja", "de"), "de/announce"),
    (EVERY, "announce", ("ja", "ko"), "en/announce"),
    (EVERY, "announce", (), "en/announce"),
    (("en-AU/announce", "de/announce"), "announce", ("ja",), "en-AU/announce"),
    (("nl/announce", "de/announce"), "announce", ("ja", "fr"), "de/announce"),
    ((), "announce", ("en",), None),
    # The wanted mode, or the next stricter one; never a milder one.
    (("en/announce", "en/opt_out_key", "en/opt_in_key"), "announce", ("en",), "en/announce"),
    (("en/opt_out_key", "en/opt_in_key"), "announce", ("en",), "en/opt_out_key"),
    (("en/opt_in_key",), "tone", ("en",), "en/opt_in_key"),
    (("en/tone", "en/announce", "en/opt_out_key"), "opt_in_key", ("en",), None),
    (("en/tone",), "announce", ("en",), None),
    (("en/tone", "en/announce"), "tone", ("en",), "en/tone"),
    # A language that is understood comes before a milder mode.
    (("en/announce", "fr/opt_out_key"), "announce", ("fr", "en"), "fr/opt_out_key"),
    (("en/announce", "fr/tone"), "announce", ("fr", "en"), "en/announce"),
    (EVERY, "none", ("en",), None),
]


@pytest.mark.parametrize(("there", "mode", "languages", "chosen"), CHOICES, ids=range(len(CHOICES)))
def test_a_party_is_told_in_its_language_what_it_must_be(there, mode, languages, chosen):
    """Language first, then the mode; the order in which the notices come does not count."""
    for order in (there, tuple(reversed(there))):
        found = choose(published(*order), "caller", mode, languages)
        assert (found and found.id) == chosen


def test_each_audience_has_its_own():
    """A notice for agents is never played to a caller."""
    notices = [
        notice(f"{audience} {mode}", audience=audience, mode=mode, status="published", version=1)
        for audience, mode in product(AUDIENCES, NOTICE_MODES)
    ]
    for audience, mode in product(AUDIENCES, NOTICE_MODES):
        assert choose(notices, audience, mode, ["en"]).id == f"{audience} {mode}"
    assert choose(notices[:4], "agent", "announce", ["en"]) is None
    assert ("none", *NOTICE_MODES) == MODES


@pytest.mark.parametrize(
    ("status", "audio", "audible"),
    [("draft", "00", False), ("published", "00", True), ("retired", "00", True), ("published", None, False)],
)
def test_what_was_published_can_be_heard_by_anybody(status, audio, audible):
    """A draft cannot, and neither can a notice without audio."""
    assert notice(status=status, audio_sha256=audio).audible is audible

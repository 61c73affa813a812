"""The default notices of every language, mode and audience.

Language tags have one spelling.
"""

import re
from itertools import product

import pytest

from tests.support.notice_drafts import BOOK, ELEMENTS, notice, wish
from tests.support.packaged_texts import packaged_texts
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.default_texts import parse_default_texts
from vault.domain.notices.notice import (
    AUDIENCES,
    NOTICE_MODES,
    NoticeRequest,
    base_language,
    check_complete,
    language_tag,
)
from vault.errors import Invalid

TEXTS = packaged_texts()
EVERY = list(product(sorted(TEXTS.languages), AUDIENCES, NOTICE_MODES))
#: How each language says that a call is recorded, and how it would say that it may be.
RECORDED = {
    "en": r"\bis recorded by\b",
    "fr": r"\best enregistré par\b",
    "de": r"\bwird\b.*\baufgezeichnet\b",
}
PERHAPS = re.compile(
    r"\b(may|might|could|can|peut|peuvent|pourra|pourrait|kann|können|könnte|gegebenenfalls)\b", re.IGNORECASE
)
KEYS = Keys(accept="4", decline="7")
SPELLINGS = [
    ("en", "en", "en"),
    ("EN", "en", "en"),
    ("fr-ca", "fr-CA", "fr"),
    ("FR-CA", "fr-CA", "fr"),
    ("zh-hant-tw", "zh-Hant-TW", "zh"),
    ("sr-LATN", "sr-Latn", "sr"),
    ("es-419", "es-419", "es"),
    ("gsw-CH", "gsw-CH", "gsw"),
    ("de-1996", "de-1996", "de"),
]


def spoken(kind, **said):
    """Return the default notice of a kind, as its author would publish it."""
    language, audience, mode = kind
    asked = wish(language=language, audience=audience, mode=mode, refusal="", **said)
    filled = TEXTS.fill(asked, KEYS)
    values = {name: getattr(filled, name) for name in NoticeRequest.__slots__}
    return notice(**values, audio_sha256="00")


def test_there_are_three_languages():
    """English, French and German come with the vault."""
    assert sorted(TEXTS.languages) == ["de", "en", "fr"]


@pytest.mark.parametrize("kind", EVERY, ids="-".join)
def test_a_default_notice_is_complete(kind):
    """It can be published as it is, also where the retention must be spoken, and says that the call is recorded."""
    filled = spoken(kind, places=("BE",))
    check_complete(filled, BOOK)
    assert re.search(RECORDED[kind[0]], filled.text)
    assert not PERHAPS.search(filled.text)
    assert "  " not in filled.text
    assert filled.text.count(ELEMENTS["controller"]) == 1
    assert len(filled.text) <= 600


@pytest.mark.parametrize("kind", EVERY, ids="-".join)
def test_the_retention_is_said_where_it_is_given(kind):
    """Without it there is no half of a sentence about it."""
    with_it, without = spoken(kind), spoken(kind, retention="")
    assert "six months" in with_it.text
    assert len(with_it.text) > len(without.text) + len("six months") + 10
    check_complete(without, BOOK)


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind[2].endswith("_key")], ids="-".join)
def test_the_keys_are_the_accounts_own(kind):
    """The key that declines is named in both modes, the one that accepts where a yes is wanted."""
    text = spoken(kind).text
    assert "7" in text
    assert ("4" in text) is (kind[2] == "opt_in_key")


def test_the_words_of_the_author_are_taken():
    """Own words about refusing replace the default ones, and are not searched for placeholders."""
    own = TEXTS.fill(wish(refusal="tell {controller} so", controller="{purposes}"), KEYS)
    assert "tell {controller} so" in own.text
    assert "recorded by {purposes} for" in own.text
    assert own.refusal == "tell {controller} so"


def test_what_is_missing_stays_visible():
    """A draft shows what must still be said."""
    draft = TEXTS.fill(NoticeRequest(language="fr-CA", audience="caller", mode="announce"), KEYS)
    assert re.findall(r"\{\w+\}", draft.text) == ["{controller}", "{purposes}", "{full_notice}"]
    assert draft.text.startswith("Cet appel est enregistré")


def test_a_language_without_texts_needs_its_own():
    """The field that is missing is the text."""
    with pytest.raises(Invalid, match="de, en, fr") as caught:
        TEXTS.fill(wish(language="nl"), KEYS)
    assert caught.value.field == "text"


def file(**changed):
    """Return a file of default texts in which something may be wrong."""
    tables = {table: dict.fromkeys(NOTICE_MODES, "words") for table in ("refusal", *AUDIENCES)}
    said = {"language": '"nl"', "retention": '"words"'} | tables | changed
    lines = [f"{name} = {value}" for name, value in said.items() if isinstance(value, str)]
    for name, table in said.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *(f'{mode} = "{text}"' for mode, text in table.items())]
    return "\n".join(lines)


def test_another_language_is_another_file():
    """A file that is as it should be is read."""
    found = parse_default_texts(file())
    assert (found.language, found.retention, len(found.texts), len(found.refusals)) == ("nl", "words", 12, 4)


WORDS = dict.fromkeys(NOTICE_MODES, "words")
WRONG = {
    "no-language": {"language": "7"},
    "tag": {"language": '"dutch speaking"'},
    "no-audience": {"agent": "{}"},
    "no-mode": {"caller": {mode: "words" for mode in NOTICE_MODES if mode != "tone"}},
    "empty": {"callee": WORDS | {"tone": " "}},
    "more-modes": {"refusal": WORDS | {"none": "words"}},
    "more-tables": {"listener": WORDS},
    "number": {"retention": "7"},
    "no-toml": {"retention": '"'},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_with_something_wrong_is_refused(name):
    """A text too few or too many is found when the vault starts, not when somebody drafts."""
    with pytest.raises((KeyError, ValueError, Invalid)):
        parse_default_texts(file(**WRONG[name]))


@pytest.mark.parametrize(("written", "tag", "base"), SPELLINGS)
def test_a_tag_is_spelled_as_the_rfc_recommends(written, tag, base):
    """Language small, script with a capital, region in capitals (RFC 5646, section 2.1.1); again changes nothing."""
    assert language_tag(written) == tag
    assert language_tag(tag) == tag
    assert base_language(written) == base


@pytest.mark.parametrize(
    "written", ["", "e", "english", "en_GB", "en-", "-en", "en-G", "é-FR", "en\n", "a" * 36]
)
def test_what_is_no_tag_is_refused(written):
    """The field is named."""
    with pytest.raises(Invalid) as caught:
        language_tag(written)
    assert caught.value.field == "language"

"""Texts in pieces that a platform speaks in one request, languages that it has, and keys that a caller pressed.

Which platforms ask what to do with a call, and what each is told to enter for it.
"""

import json
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.provider import FakeProvider
from tests.telephony.scripts import SCRIPTS, STATUS
from vault.domain.calls.provider_api import Access
from vault.errors import Invalid
from vault.ports.telephony import Provider
from vault.simulator.registry import STEERED
from vault.telephony.call_documents import (
    DEFAULT_TAGS,
    MAX_CHARACTERS,
    language_of,
    parse_key,
    remove_invalid_characters,
    split_text,
)
from vault.telephony.registry import PROVIDERS

#: Those that ask for documents, as their simulators do, and those that ask for none.
ASKING: list[Provider] = [provider for provider in PROVIDERS if provider.name in STEERED]
SILENT: list[Provider] = [provider for provider in PROVIDERS if provider.name not in STEERED]
ACCESS = Access(credentials={"space": "example"}, api_base=None, now=datetime(2026, 1, 1, tzinfo=UTC))
CALL = "6c4b2b5a-7f3e-4f0a-9f52-5d4a3f6f1c11"


@pytest.mark.parametrize(
    "length",
    [1, MAX_CHARACTERS - 1, MAX_CHARACTERS, MAX_CHARACTERS + 1, 2 * MAX_CHARACTERS, 2 * MAX_CHARACTERS + 1],
)
@pytest.mark.parametrize("character", ["x", "é", "\u0645", "\u3042", "\U0001f4de"])
def test_no_piece_is_longer_than_its_bytes_and_none_is_lost(length: int, character: str) -> None:
    """Characters of one to four bytes, at the boundaries: no piece has half a character."""
    text = character * (length // len(character.encode()) + 1)
    parts = split_text(text)
    assert "".join(parts) == text
    assert all(0 < len(part.encode()) <= MAX_CHARACTERS for part in parts)
    assert all(len(part.encode()) > MAX_CHARACTERS - 4 for part in parts[:-1])


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        # Two sentences of 1,000 characters: the cut is between them.
        ("a" * 999 + ". " + "b" * 999 + ".", [1000, 1000]),
        ("a" * 999 + '." ' + "b" * 999, [1001, 999]),
        # No sentence ends in time: the cut is between words.
        ("a" * 700 + " " + "b" * 700 + " " + "c" * 700, [1401, 700]),
        # A sign without a space behind it ends a sentence where no spaces are written.
        ("\u3042" * 400 + "\u3002" + "\u3044" * 400, [401, 400]),
        # A dot inside a number ends nothing.
        ("a" * 1490 + " 1.5 " + "b" * 100, [1494, 100]),
        ("  padded  ", [6]),
    ],
)
def test_a_piece_ends_where_a_speaker_would_breathe(text: str, lengths: list[int]) -> None:
    """Behind a sentence, else behind a word, else where it must."""
    assert [len(part) for part in split_text(text)] == lengths


@given(st.text(st.characters(exclude_categories=()), max_size=6000))
def test_any_text_is_said_whole(text: str) -> None:
    """Only white space between pieces goes, and what XML cannot carry."""
    parts = split_text(text)
    assert "".join("".join(parts).split()) == "".join(remove_invalid_characters(text).split())
    assert all(part and part == part.strip() and len(quote(part)) <= 3 * MAX_CHARACTERS for part in parts)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00", "\ud800", "\x01\x02 \x03"])
def test_what_cannot_be_said_makes_no_piece(text: str) -> None:
    """An empty element would be an error at some platforms."""
    assert split_text(text) == []


@pytest.mark.parametrize(
    ("character", "kept"),
    [
        ("\t", True),
        ("\n", True),
        ("\r", True),
        (" ", True),
        ("\x00", False),
        ("\x08", False),
        ("\x0b", False),
        ("\x1f", False),
        ("\ud7ff", True),
        (chr(0xD800), False),
        (chr(0xDFFF), False),
        ("\ue000", True),
        ("\ufffd", True),
        ("\ufffe", False),
        ("\uffff", False),
        ("\U00010000", True),
        ("\U0010ffff", True),
    ],
    ids=ascii,
)
def test_xml_carries_what_its_production_char_allows(character: str, *, kept: bool) -> None:
    """Both ends of each range of XML 1.0, section 2.2."""
    assert remove_invalid_characters(f"a{character}b") == (f"a{character}b" if kept else "ab")


@pytest.mark.parametrize(
    ("tag", "offered", "language"),
    [
        ("en", None, "en-US"),
        ("de", None, "de-DE"),
        ("fr", None, "fr-FR"),
        ("EN-gb", None, "en-GB"),
        ("es-419", None, "es-419"),
        ("sr-Latn-RS", None, "sr-RS"),
        ("en-GB-oxendict", None, "en-GB"),
        ("mt", None, "mt"),
        ("en_US", None, None),
        ("", None, None),
        ('en" onload="x', None, None),
        ("de-AT", {"de-DE"}, "de-DE"),
        ("de-AT", {"de-AT", "de-DE"}, "de-AT"),
        ("de-AT", {"en-US"}, None),
        ("ar-EG", {"ar"}, "ar"),
        ("ar", {"arb"}, "arb"),
        ("zh", {"cmn-CN"}, "cmn-CN"),
        ("zh-TW", {"cmn-CN", "cmn-TW"}, "cmn-TW"),
        ("zh-CN", {"zh-CN", "cmn-CN"}, "zh-CN"),
    ],
)
def test_a_language_is_asked_for_as_the_platform_calls_it(
    tag: str, offered: set[str] | None, language: str | None
) -> None:
    """Its own region, the usual one, the language alone, and at last nothing."""
    assert language_of(tag, offered) == language


def test_usual_languages_are_of_their_own_language() -> None:
    """Norwegian is spoken as Bokmål; every other language stays itself."""
    assert {base for base, tag in DEFAULT_TAGS.items() if tag.partition("-")[0] != base} == {"no"}


@pytest.mark.parametrize("digits", [*"0123456789*#"])
def test_a_key_of_a_telephone_is_a_key(digits: str) -> None:
    """Twelve of them."""
    assert parse_key(digits, field="Digits") == digits


@pytest.mark.parametrize("digits", [None, ""])
def test_no_key_is_none(digits: str | None) -> None:
    """Silence is no answer."""
    assert parse_key(digits, field="Digits") is None


@pytest.mark.parametrize("digits", ["10", "A", "a", " ", "\u0661", "\u00b2", "**", "1\n", "-1"])
def test_what_is_not_one_key_is_invalid(digits: str) -> None:
    """Digits of other scripts are no keys either."""
    with pytest.raises(Invalid) as error:
        parse_key(digits, field="Digits")
    assert error.value.field == "Digits"


def name_of(provider: Provider) -> str:
    """Return a provider as a test id."""
    return type(provider).__name__


@pytest.mark.parametrize("provider", ASKING, ids=name_of)
def test_a_platform_that_asks_is_told_where(provider: Provider) -> None:
    """By POST, below the URL of the connection, without a fragment."""
    webhook = f"https://vault.example/webhooks/{provider.name}/c"
    setup = json.loads(json.dumps(provider.setup(webhook)))
    asked = setup["call_start"]
    assert asked["url"] == f"{webhook}/call"
    assert asked["method"] == "POST"
    assert "next_url" in asked["enter_at"]
    assert urlsplit(setup["url"]).path == urlsplit(webhook).path


@pytest.mark.parametrize("provider", ASKING, ids=name_of)
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_platform_that_asks_reads_every_script(provider: Provider, name: str) -> None:
    """A document has at most the 100 kilobytes that the strictest of them takes (Plivo)."""
    flow = provider.call_documents
    assert flow is not None
    document = flow.document(SCRIPTS[name])
    assert document.media_type in ("application/xml", "application/json")
    assert 0 < len(document.body) < 100_000


@pytest.mark.parametrize("provider", [*SILENT, FakeProvider()], ids=name_of)
def test_a_platform_that_does_not_ask_has_no_flow(provider: Provider) -> None:
    """Nothing is entered for what never comes."""
    assert provider.call_documents is None
    assert "call_start" not in provider.setup("https://vault.example/webhooks/p/c")


@pytest.mark.parametrize("provider", [*PROVIDERS, FakeProvider()], ids=name_of)
def test_only_signalwire_begins_recordings_by_rest(provider: Provider) -> None:
    """Everybody else's documents begin them, or nobody asks."""
    begun = provider.record_request(CALL, STATUS, ACCESS)
    assert (begun is not None) == (provider.name == "signalwire")


@pytest.mark.parametrize("provider", PROVIDERS, ids=name_of)
def test_who_pauses_what_it_records(provider: Provider) -> None:
    """Telnyx does it for the id of a TeXML call alone: tests/simulator/test_pauses.py."""
    paused = provider.pause_request("812345678", ACCESS)
    assert (paused is not None) == (provider.name in {"aircall", "twilio"})

"""Entries of registers without a database: their stored form, the record's gaps, the texts of the page, the counts."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from vault.domain.accounts.account import Connection, Switch
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.registers.checks import MAX_CHAIN, check_chain
from vault.domain.registers.entries import (
    AuthorityRequest,
    Contact,
    Contract,
    Entry,
    ProcessingProfile,
    Purpose,
    Recipient,
)
from vault.domain.registers.places import Place, Region
from vault.domain.registers.privacy_page import make_page, parse_page_texts
from vault.domain.registers.processing_record import LiveSettings, ProcessingRecord, in_force
from vault.domain.registers.transparency import count_requests
from vault.domain.stored.sealed_records import decode_entry, encode_entry
from vault.errors import Invalid, StartRefused, Tampered

TEXTS = Path(__file__).parents[2] / "vault" / "domain" / "privacy_texts"
NOW = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)
DAY = date(2026, 1, 1)
RECIPIENT = Recipient(
    name="Hosting",
    address="Boston",
    contact="Grace",
    role="sub_processor",
    purpose="stores",
    country="US",
    safeguard="adequacy",
    contract=Contract(status="signed", signed_on=DAY, ends_on=None),
    parent="reg_0",
    since=DAY,
    covers=("object_store",),
    public=False,
)
PROFILE = ProcessingProfile(
    controller=Contact(name="Acme", address="Dublin", contact="a@acme.example"),
    joint_controllers=(Contact(name="Acme France"),),
    purposes=(Purpose(purpose="Training", legal_basis="consent"),),
    persons=("callers",),
    data=("voice",),
    requests_to="a@acme.example",
    published=True,
)
REQUEST = AuthorityRequest(
    received_at=NOW,
    authority="Court",
    country="FR",
    kind="order",
    access="stored",
    scope="both",
    numbers=("+33123456789",),
    leaves=(7, 8),
    secret_until=NOW + timedelta(days=1),
)
PLACES = (
    Place(part="object_store", kind="s3", region="eu-west-1"),
    Place(part="database", kind="sqlite"),
    Place(part="root_key", kind="file"),
)


@pytest.mark.parametrize("entry", [RECIPIENT, PROFILE, ProcessingProfile(), REQUEST], ids=range(4))
def test_an_entry_is_read_as_it_was_written(entry: object):
    """With every field, also empty ones and days."""
    assert decode_entry(type(entry), encode_entry(entry)) == entry


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 7),
        ("role", "friend"),
        ("since", "yesterday"),
        ("covers", "object_store"),
        ("covers", [7]),
        ("contract", {"signed_on": None, "ends_on": None}),
        ("public", "yes"),
        ("surprise", 1),
    ],
)
def test_a_changed_entry_is_tampered(field: str, value: object):
    """A wrong type, an unknown value or an unknown field."""
    stored = json.loads(encode_entry(RECIPIENT)) | {field: value}
    with pytest.raises(Tampered):
        decode_entry(Recipient, json.dumps(stored).encode())


def entry_of(recipient: Recipient) -> Entry[Recipient]:
    """Return a recipient as an entry."""
    return Entry(
        id="reg_1", revision=1, created_at=NOW, changed_at=NOW, changed_by="key_1", content=recipient
    )


def record_of(
    *recipients: Recipient,
    connections: tuple[Connection, ...] = (),
    places: Sequence[Place] = PLACES,
    region: Region | None = None,
) -> ProcessingRecord:
    """Return a record of an account with a bucket."""
    settings = LiveSettings(
        account="acme",
        name="Acme",
        switch=Switch(enabled=True, epoch=0, changed_at=NOW, changed_by="vault"),
        policy=ConsentPolicy(),
        connections=connections,
        notices=(),
        places=places,
        region=region,
        customer_key=True,
        retention=(),
    )
    profile = replace(entry_of(RECIPIENT), content=PROFILE)
    return ProcessingRecord(
        at=NOW, profile=profile, settings=settings, recipients=[entry_of(one) for one in recipients]
    )


def test_the_record_names_its_gaps():
    """A bucket without a recipient, and a transfer without safeguard; what is on this machine needs nobody."""
    assert record_of().missing == ["recipient/object_store"]
    assert record_of(RECIPIENT).missing == []
    assert record_of(replace(RECIPIENT, safeguard=None)).missing == ["safeguard/reg_1"]
    assert record_of(replace(RECIPIENT, country="FR", safeguard=None)).missing == []
    assert record_of(replace(RECIPIENT, covers=())).missing == ["recipient/object_store"]


def test_the_record_names_what_contradicts_the_region():
    """A part of which nobody says where it is, and a recipient in another country without a safeguard."""
    germany = Region.of("de", ["eu-central-1", "DE"])
    french = replace(RECIPIENT, country="FR", safeguard=None)
    unknown = (Place(part="object_store", kind="s3"), Place(part="database", kind="postgresql"), *PLACES[2:])
    assert record_of(french, region=germany).missing == ["abroad/reg_1"]
    assert record_of(replace(french, country="DE"), region=germany).missing == []
    assert record_of(replace(french, safeguard="adequacy"), region=germany).missing == []
    assert record_of(french, region=Region.of("eu", ["eu-west-1"])).missing == [], (
        "It says nothing of countries."
    )
    assert record_of(french, region=Region.of("eu", ["eu-west-1", "EEA"])).missing == []
    american = replace(french, country="US")
    assert record_of(american, region=germany).missing == ["safeguard/reg_1"], "Not twice."
    assert record_of(RECIPIENT, places=unknown, region=germany).missing == [
        "recipient/database", "region/object_store", "region/database"
    ]  # fmt: skip
    assert record_of(RECIPIENT, places=unknown).missing == ["recipient/database"]


@pytest.mark.parametrize("counted", [["EU"], ["eu_west"], ["e u"], ["eea"], ["Eu-west-1"], [""], ["XXX"]])
def test_what_counts_as_a_region_is_checked(counted: list[str]):
    """Regions of clouds in small letters, countries in two capitals, and EEA."""
    if counted in (["EU"], ["eea"]):
        assert Region.of("eu", counted) is not None, (
            "Two capitals, and a region of some cloud, by their form."
        )
        return
    with pytest.raises(StartRefused, match="VAULT_REGION_PLACES"):
        Region.of("eu", counted)


def test_a_region_that_counts_nothing_is_that_of_a_cloud():
    """And places without a region's name are refused: they would check nothing."""
    region = Region.of("eu-west-1", [])
    assert region is not None
    assert region.contradicted_by(PLACES) is None
    assert region.contradicted_by([replace(PLACES[0], region="us-east-1")]) is not None
    assert region.contradicted_by([replace(PLACES[0], region=None)]) is None
    with pytest.raises(StartRefused):
        Region.of(None, ["eu-west-1"])


def test_the_measures_are_those_of_the_settings():
    """A customer's key is one, a root key in a file is no key service."""
    assert "customer_managed_key" in record_of().measures
    assert {"keys_in_key_service", "access_log_locked"} & {*record_of().measures} == set()


def test_a_recipient_is_in_force_from_its_first_to_its_last_day():
    """Both days included."""
    ended = replace(RECIPIENT, until=DAY + timedelta(days=9))
    days = [-1, 0, 9, 10]
    found = [bool(in_force([entry_of(ended)], DAY + timedelta(days=day))) for day in days]
    assert found == [False, True, True, False]


def test_a_chain_that_never_ends_is_refused():
    """A circle among others, and a chain longer than any real one."""
    with pytest.raises(Invalid):
        check_chain(None, "a", {"a": "b", "b": "a"})
    chain = {str(number): str(number + 1) for number in range(MAX_CHAIN)} | {str(MAX_CHAIN): None}
    check_chain(None, "1", chain)
    with pytest.raises(Invalid):
        check_chain(None, "0", chain)


def test_every_language_has_every_text():
    """A missing, empty or unknown text is refused when the vault starts."""
    files = {file.stem: file.read_text("utf-8") for file in TEXTS.glob("*.toml")}
    assert {name: parse_page_texts(text).language for name, text in files.items()} == {
        name: name for name in ("de", "en", "es", "fr")
    }
    wrong = [
        files["en"].replace('title = "How we record calls"', ""),
        files["en"].replace('"How we record calls"', '" "'),
        files["en"].replace("[legal_bases]", "[legal_bases]\nwhim = 'because'"),
        files["en"].replace('erased = "was erased"', ""),
        files["en"].replace('"December"]', '" "]'),
        files["en"].replace(', "December"]', "]"),
    ]
    for text in wrong:
        with pytest.raises(ValueError, match="missing, unknown or empty"):
            parse_page_texts(text)


def test_a_page_exists_only_while_it_is_published():
    """It shows public recipients alone, without their contacts."""
    assert make_page("reg_1", "de-AT", replace(PROFILE, published=False), [], []) is None
    page = make_page("reg_1", "de-AT", PROFILE, [RECIPIENT, replace(RECIPIENT, public=True)], [])
    assert page is not None
    assert (page.language, page.can_withdraw, len(page.recipients)) == ("de", True, 1)
    assert "Grace" not in repr(page)


def test_a_secret_request_is_counted_once_it_is_secret_no_more():
    """In the year in which it was received."""
    assert count_requests([REQUEST], 2026, now=NOW).order == []
    later = NOW + timedelta(days=1)
    assert count_requests([REQUEST], 2026, now=later).countries["FR"].received == 1
    assert count_requests([REQUEST], 2025, now=later).order == []

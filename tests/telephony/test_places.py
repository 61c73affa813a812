"""Numbers and the places that their prefixes hint at, with libphonenumber's own geography as a peer."""

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import geocoder

from tests.support.packaged_rules import packaged
from vault.errors import Invalid
from vault.ports.numbers import Numbers
from vault.telephony.numbering.number_plans import NumberPlans, area_codes

NUMBERS: Numbers = NumberPlans()
#: Assigned by the administrator of the plan, and in nobody's hands when libphonenumber was made.
NOT_IN_USE_YET = {"357", "436", "457", "471", "483", "621", "624", "679", "729", "837", "861", "924"}
#: How the peer names states where it does not put a postal code behind a city.
STATES = {
    rule.name.removeprefix("The "): rule.place
    for rule in packaged().rules.values()
    if rule.place.startswith("US-")
} | {"Washington State": "US-WA", "Washington D.C.": "US-DC"}


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+12025550100", "US-DC"),
        ("+1 (206) 555-0100", "US-WA"),
        ("+14155550100", "US-CA"),
        ("+18605550100", "US-CT"),
        ("+13025550100", "US-DE"),
        ("+17025550100", "US-NV"),
        # Assigned and not in use yet; and a number that nobody can have, with a prefix that tells.
        ("+14365550100", "US-OH"),
        ("+12020000000", "US-DC"),
        # Of no state: toll-free, premium, personal, and area codes that are none.
        ("+18005550100", None),
        ("+18885550100", None),
        ("+19005550100", None),
        ("+15005550100", None),
        ("+12995550100", None),
        ("+15555550100", None),
        # Seven digits are a local number, whatever they begin with.
        ("+12125550", None),
        # Canada, the Caribbean and the territories are countries.
        ("+14165550100", "CA"),
        ("+16045550100", "CA"),
        ("+18765550100", "JM"),
        ("+12425550100", "BS"),
        ("+17875550100", "PR"),
        ("+16715550100", "GU"),
        ("+442079460958", "GB"),
        ("+44 7400 123456", "GB"),
        ("+44 1534 123456", "JE"),
        ("tel:+49.30.12345678", "DE"),
        ("+33123456789", "FR"),
        ("+4532123456", "DK"),
        ("+41446681800", "CH"),
        ("+32 2 123 45 67", "BE"),
        ("+34 912 34 56 78", "ES"),
        ("+5511912345678", "BR"),
        ("+77172123456", "KZ"),
        ("+74951234567", "RU"),
        ("+61212345678", "AU"),
        # Of no country: satellites, and freephone everywhere.
        ("+870773111632", None),
        ("+80012345678", None),
        # No numbers, or without their country.
        ("+999123456789", None),
        ("2025550100", None),
        ("030 1234567", None),
        ("0049301234567", None),
        ("+", None),
        ("+1", None),
        ("", None),
        (None, None),
        ("anonymous", None),
        ("Restricted", None),
        ("sip:+12025550100@example.com", None),
        ("client:alice", None),
        ("+1202555CALL", None),
        ("+\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10", None),
        ("+1" * 5000, None),
    ],
)
def test_a_prefix_hints_at_a_place(number: str | None, place: str | None):
    """A country, in the United States the state; None for whatever does not tell."""
    assert NUMBERS.place(number) == place


def test_an_area_code_without_a_state_is_of_the_country():
    """A code that this table does not have yet gives no state, and the row of an unknown state holds."""
    numbers = NumberPlans(area_codes={})
    assert (numbers.place("+12065550100"), numbers.place("+18005550100")) == ("US", None)
    assert (numbers.place("+14165550100"), numbers.place("+14365550100")) == ("CA", None)


def peer(code: str) -> set[str]:
    """Return the states in which libphonenumber has numbers of an area code; none where it is not American."""
    found = set()
    for line in ("2345678", "3212345", "5550100", "7654321"):
        number = phonenumbers.parse(f"+1{code}{line}", None)
        if phonenumbers.region_code_for_number(number) != "US":
            continue
        town = geocoder.description_for_number(number, "en")
        if postal := re.search(r", ([A-Z]{2})$", town):
            found.add(f"US-{postal[1]}")
        elif town:
            found.add(STATES[town])
    return found


def test_every_area_code_has_the_state_that_libphonenumber_gives():
    """All eight hundred codes: no state differs, and none is missing on either side but the newest."""
    ours, theirs = area_codes(), {}
    for code in map(str, range(200, 1000)):
        if states := peer(code):
            (theirs[code],) = states
    assert len(theirs) > 350
    assert {code: place for code, place in ours.items() if code not in NOT_IN_USE_YET} == theirs
    assert set(ours) - set(theirs) == NOT_IN_USE_YET


def test_every_state_has_an_area_code_and_a_rule():
    """Fifty states and the District: neither table has a place that the other lacks."""
    states = {place for place in packaged().rules if place.startswith("US-")}
    assert set(area_codes().values()) == states
    assert len(states) == 51


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+12025550100", "+12025550100"),
        (" +1 (202) 555-0100 ", "+12025550100"),
        ("tel:+49.30.12345678", "+493012345678"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("+39 06 1234567", "+39061234567"),
        ("0049301234567", "+49301234567"),
        ("+12025550100;ext=5", "+12025550100"),
        ("+12025550100 ext. 5", "+12025550100"),
        ("sip:+12025550100@gateway.example;user=phone", "+12025550100"),
        ("sips:%2B12025550100:5061", "+12025550100"),
        ('"Bob" <sip:12025550100@gateway.example>', "+12025550100"),
        ("tel:555-0100;phone-context=+1202", "+12025550100"),
        ("12025550100", "+12025550100"),
        ("01112025550100", "+12025550100"),
        ("whatsapp:+12025550100", "+12025550100"),
        ("client:%2B12025550100", "+12025550100"),
        ("+0012025550100", "+12025550100"),
        ("+1202555CALL", "+12025552255"),
    ],
)
def test_a_number_becomes_e164(written: str, number: str):
    """Written in whatever groups, with its country; a zero that belongs to the number stays."""
    assert NUMBERS.e164(written) == number
    assert NUMBERS.readings(written) == {number}


@pytest.mark.parametrize(
    ("written", "regions", "number"),
    [
        ("(202) 555-0100", ("US",), "+12025550100"),
        ("1-202-555-0100", ("US",), "+12025550100"),
        ("06 12 34 56 78", ("FR",), "+33612345678"),
        ("0033612345678", ("FR",), "+33612345678"),
        ("33612345678", ("US",), "+33612345678"),
        # The first region in which it is a number that is in use.
        ("06 12 34 56 78", ("US", "FR"), "+33612345678"),
        ("020 7946 0958", ("US", "GB"), "+442079460958"),
    ],
)
def test_a_national_number_is_read_in_the_regions(written: str, regions: tuple[str, ...], number: str):
    """Without a region most of these are no numbers; with one they are found and objected to."""
    assert NUMBERS.e164(written, regions) == number
    assert number in NUMBERS.readings(written, regions)


@pytest.mark.parametrize(
    ("written", "is_extended"),
    [
        *(
            (f"+33123456789{mark}", True)
            for mark in (";ext=12", ";isub=12", "x12", " ext 12", ",12", "#12", ";12")
        ),
        ("33123456789x12", True),
        ("01 23 45 67 89 x12", True),
        ("(202) 555-0100 extn. 5", True),
        ("sip:%2B33123456789%3Bext%3D12@pbx.example;user=phone", True),
        ('"Robin" <tel:+33-1-23-45-67-89;EXT=1>', True),
        ("0123456789;phone-context=+33;ext=3", True),
        ("0123456789;phone-context=+33", False),
        ("+33123456789", False),
        ("06 12 34 56 78", False),
        ("+33 (0)1 23 45 67 89", False),
        ("+49 30 1234-56", False),
        ("+1202555CALL", False),
        ("sip:+33123456789:word12@pbx.example;user=phone", False),
        ("sip:alice,12@pbx.example", False),
        ("anonymous", False),
        ("", False),
    ],
)
def test_an_extension_is_seen(written: str, is_extended: bool):
    """However it is written; other parameters and words are none."""
    assert NUMBERS.has_extension(written) is is_extended


@pytest.mark.parametrize("written", [" 12025550100", "\t33612345678"])
def test_a_blank_for_a_plus_says_how_to_encode_it(written: str):
    """A plus in a query that was not encoded arrives as a blank."""
    with pytest.raises(Invalid, match="%2B") as error:
        NUMBERS.e164(written)
    assert error.value.field == "number"


def test_an_e164_number_has_the_spellings_that_were_stored_as_written():
    """Rows of an earlier release hold terms of these."""
    assert set(NUMBERS.spellings("+33612345678")) == {
        "33612345678", "0033612345678", "06 12 34 56 78", "0612345678", "612345678"
    }  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [
        *("", "+", "+1", "+1202555010", "+120255501001", "+12125550", "+49 1", "+999123456789"),
        *(
            "2025550100",
            "(202) 555-0100 x5",
            "anonymous",
            "sip:alice@example.com",
            "client:alice",
            "client:alice2025550100",
        ),
        *("+12025550100\n+1", "+\uff11\uff12\uff10\uff12", "+1" * 5000),
    ],
)
def test_what_is_no_number_is_invalid(written: str):
    """The field is named, and what was written is not repeated."""
    with pytest.raises(Invalid) as error:
        NUMBERS.e164(written)
    assert error.value.field == "number"
    text = "number cannot be read as a telephone number: write it with its country, such as +12025550100."
    assert str(error.value) == text


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"\+[0-9 ().-]{1,20}", fullmatch=True)),
)
def test_a_number_is_read_or_refused(written: str):
    """Whatever is written: E.164 that reads as itself and has the same place, or Invalid and no place."""
    try:
        number = NUMBERS.e164(written)
    except Invalid:
        assert NUMBERS.place(written) is None
        return
    assert re.fullmatch(r"\+[1-9][0-9]{1,14}", number)
    assert NUMBERS.e164(number) == number
    # A number whose country is not marked by a plus gives no hint.
    assert NUMBERS.place(written) in {None, NUMBERS.place(number)}
    assert number in NUMBERS.readings(written)

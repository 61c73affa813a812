"""Reading the rule book: what is refused, what a row inherits, and how a rule is put into words."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packaged_rules import packaged
from vault.domain.legal_rules.rule import Rule, explain
from vault.domain.legal_rules.rule_book_loader import parse, read_place
from vault.errors import Invalid

HEADER = 'version = "2026.11.1"\nreviewed_on = 2026-11-01\n'
UNKNOWN = '["*"]\nname = "Anywhere"\nconsent = "all"\nstatute = ""\nsources = []\nconfidence = "none"\n'
ROW = 'name = "France"\nconsent = "notice"\nstatute = "Code"\nsources = ["https://law.example"]\nconfidence = "high"\n'


def book(row: str, *, header: str = HEADER, place: str = "FR") -> str:
    """Return a file with one place and the unknown one."""
    return f"{header}{UNKNOWN}[{place}]\n{row}"


def test_a_row_is_read_as_it_is_written():
    """Defaults stand for what is left out; the date comes from the header, or from the row."""
    whole = (
        ROW + "tone_accepted = true\ncapture_before_consent = false\nmax_retention_days = 180\nnote = 'n'\n"
    )
    found = parse([book(whole)])
    assert found.version == "2026.11.1"
    assert found.rules == {
        "FR": Rule(
            place="FR",
            name="France",
            consent="notice",
            tone_accepted=True,
            capture_before_consent=False,
            max_retention_days=180,
            statute="Code",
            sources=("https://law.example",),
            reviewed_on=date(2026, 11, 1),
            confidence="high",
            note="n",
        )
    }
    assert (found.unknown.place, found.unknown.name) == ("*", "Anywhere")
    later = parse([book(ROW + "reviewed_on = 2026-11-20\n")])
    assert later.rules["FR"].reviewed_on == date(2026, 11, 20)


def test_a_row_that_is_like_another_is_its_copy_but_for_what_it_says():
    """Name, note and date are never lent, and the other may stand below it or in another file."""
    other = f'{HEADER}[EU]\n{ROW}refusal_route = true\nnote = "of the Union"\nreviewed_on = 2026-10-01\n'
    row = 'like = "EU"\nname = "Austria"\nconfidence = "low"\n'
    for texts in ([book(row, place="AT"), other], [other, book(row, place="AT")]):
        rule = parse(texts).rules["AT"]
        assert (rule.consent, rule.refusal_route, rule.statute) == ("notice", True, "Code")
        assert (rule.name, rule.note, rule.confidence) == ("Austria", "", "low")
        assert rule.reviewed_on == date(2026, 11, 1)


WRONG_ROWS = [
    (ROW.replace("name", "nmae"), "nmae is not a key"),
    (ROW + "tone_acepted = true\n", "tone_acepted is not a key"),
    (ROW + 'place = "FR"\n', "place is not a key"),
    (ROW.replace('name = "France"\n', ""), "name is missing"),
    (ROW.replace('consent = "notice"\n', ""), "consent is missing"),
    (ROW.replace('statute = "Code"\n', ""), "statute is missing"),
    (ROW.replace('sources = ["https://law.example"]\n', ""), "sources is missing"),
    (ROW.replace('confidence = "high"\n', ""), "confidence is missing"),
    (ROW.replace('"France"', "1"), "name is not"),
    (ROW.replace('"France"', '""'), "name is empty"),
    (ROW.replace('"France"', '" France"'), "name is not"),
    (ROW.replace('"France"', '"a\\nb"'), "name is not"),
    (ROW.replace('"notice"', '"both"'), "consent is not"),
    (ROW.replace('"notice"', "true"), "consent is not"),
    (ROW.replace('"notice"', '["notice"]'), "consent is not"),
    (ROW.replace('"high"', '"certain"'), "confidence is not"),
    (ROW.replace('"Code"', '""'), "statute is empty, although confidence is high"),
    (ROW.replace('["https://law.example"]', "[]"), "sources are empty, although confidence is high"),
    (ROW.replace('["https://law.example"]', "[]").replace("high", "low"), "sources are empty"),
    (ROW.replace('["https://law.example"]', '"https://law.example"'), "sources is not"),
    (ROW.replace("https://law.example", "L10"), "sources is not"),
    (ROW.replace("https://law.example", "https://"), "sources is not"),
    (ROW.replace("https://law.example", "ftp://law.example"), "sources is not"),
    (ROW + "tone_accepted = 1\n", "tone_accepted is not"),
    (ROW + 'tone_accepted = "yes"\n', "tone_accepted is not"),
    (ROW + "max_retention_days = 0\n", "max_retention_days is not"),
    (ROW + "max_retention_days = -1\n", "max_retention_days is not"),
    (ROW + "max_retention_days = 1.5\n", "max_retention_days is not"),
    (ROW + "max_retention_days = true\n", "max_retention_days is not"),
    (ROW + "min_retention_days = 31\nmax_retention_days = 30\n", "min_retention_days is more"),
    (ROW + 'reviewed_on = "2026-11-01"\n', "reviewed_on is not"),
    (ROW + "reviewed_on = 2026-11-01T00:00:00Z\n", "reviewed_on is not"),
    (ROW.replace("high", "contested"), "readings must be at least two"),
    (ROW.replace("high", "contested") + 'readings = ["All."]\n', "readings must be at least two"),
    (ROW + 'readings = ["All.", "One."]\n', "readings must be at least two"),
    (ROW + 'readings = ["All."]\n', "readings must be at least two"),
    (ROW.replace("high", "contested") + 'readings = ["All.", ""]\n', "readings is not"),
    (ROW.replace("high", "contested") + 'readings = ["All.", 1]\n', "readings is not"),
    ('like = "EU"\n' + ROW, "like must name a place"),
    ('like = "FR"\n' + ROW, "like must name a place"),
    ("like = 1\n" + ROW, "like must name a place"),
]


@pytest.mark.parametrize(("row", "complaint"), WRONG_ROWS, ids=range(len(WRONG_ROWS)))
def test_a_wrong_row_is_refused(row: str, complaint: str):
    """The place is named, and what is wrong with it."""
    with pytest.raises(ValueError, match=f"^FR: {re.escape(complaint)}"):
        parse([book(row)])


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ([], "several versions, or there are none"),
        ([book(ROW, header="reviewed_on = 2026-11-01\n")], "must have a version"),
        ([book(ROW, header="version = 1\nreviewed_on = 2026-11-01\n")], "must have a version"),
        ([book(ROW, header='version = ""\nreviewed_on = 2026-11-01\n')], "must have a version"),
        ([book(ROW, header='version = "1"\n')], "must have reviewed_on"),
        ([book(ROW, header='version = "1"\nreviewed_on = "today"\n')], "must have reviewed_on"),
        ([book(ROW, header=HEADER + "FR = 1\n", place="DE")], "FR: this is not a table of a place"),
        ([book(ROW, header=HEADER + "author = 'x'\n")], "author: this is not a table of a place"),
        ([book(ROW, place="fr")], "fr: this is not a table of a place"),
        ([book(ROW, place="FRA")], "FRA: this is not a table of a place"),
        ([book(ROW, place="US-")], "US-: this is not a table of a place"),
        ([book(ROW, place="US-ABCD")], "US-ABCD: this is not a table of a place"),
        ([book(ROW) + f"[FR]\n{ROW}"], "FR"),
        ([book(ROW), f"{HEADER}[FR]\n{ROW}"], "FR: two files have this place"),
        (
            [book(ROW), f"{HEADER.replace('11.1', '11.2')}[DE]\n{ROW}"],
            "several versions.*2026.11.1.*2026.11.2",
        ),
        ([f"{HEADER}[FR]\n{ROW}"], "row \\* for"),
        (["[FR"], "end of a table declaration"),
    ],
)
def test_a_wrong_file_is_refused(texts: list[str], complaint: str):
    """Twice the same place, two versions, no unknown row, or no TOML at all."""
    with pytest.raises(ValueError, match=complaint):
        parse(texts)


@pytest.mark.parametrize("chained", ['like = "DE"\nname = "x"\n', 'like = "AT"\nname = "x"\n'])
def test_likeness_has_one_step(chained: str):
    """A row that is like one that is like another is refused, as are two that are like each other."""
    with pytest.raises(ValueError, match="like must name a place"):
        parse([book(ROW), f'{HEADER}[AT]\n{chained}[DE]\nlike = "AT"\nname = "y"\n'])


@pytest.mark.parametrize(
    ("written", "place"),
    [("FR", "FR"), ("us-wa", "US-WA"), ("Us-dC", "US-DC"), ("*", "*"), ("UK", "GB"), ("uk", "GB"), ("XX-1", "XX-1")],
)  # fmt: skip
def test_a_place_is_read_as_people_write_it(written: str, place: str):
    """In small letters too, and by the name that many give to GB."""
    assert read_place(written) == place


@pytest.mark.parametrize(
    "written",
    [
        *("", "F", "FRA", "xyz!", "US-", "-WA", "US_WA", "US-WASH", " FR", "FR\n", "**", "12"),
        *("\u00df", "\uff26\uff32", "\u017fe"),
    ],
)
def test_what_is_no_place_is_invalid(written: str):
    """Letters that only become A to Z in capitals are none of them."""
    with pytest.raises(Invalid) as error:
        read_place(written)
    assert error.value.field == "place"


@given(st.text(max_size=8))
def test_a_place_is_read_or_refused(written: str):
    """Whatever is written: a place that reads as itself, or Invalid."""
    try:
        place = read_place(written)
    except Invalid:
        return
    assert read_place(place) == place


EXPLAINED = {
    "US-WA": "Washington (US-WA) asks for the consent of all parties; an announcement counts only if it can be heard "
    "in the recording. Source: RCW 9.73.030 <https://www.rcfp.org/reporters-recording-guide/state-state-guide/"
    "washington>. Confidence: high; reviewed 2026-11-01. This is not legal advice.",
    "US-TX": "Texas (US-TX) asks for the consent of one party alone. Source: Tex. Penal Code § 16.02 "
    "<https://recordphonecall.com/resources/one-party-vs-all-party/>. Confidence: medium; reviewed 2026-11-01. "
    "This is not legal advice.",
    "BR": "Brazil (BR): no default is shipped, and the account must choose. Until then it is treated as a place that "
    "asks for an explicit yes of all parties; an announcement counts only if it can be heard in the recording; "
    "recording may not begin before consent; the notice must offer a way to refuse. "
    "Confidence: none; reviewed 2026-11-01. This is not legal advice.",
}


@pytest.mark.parametrize("place", EXPLAINED)
def test_a_rule_is_explained(place: str):
    """In whole sentences: what is asked, the statute with its sources, and how sure it is."""
    assert explain(packaged().of(place)) == EXPLAINED[place]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("US-DE", ["This is contested. All parties: ", " One party: ", "Vespe", "Confidence: contested"]),
        ("US-MI", ["This is contested. All parties: ", " One party: Sullivan v. Gray"]),
        ("US-CT", ["a tone may stand for the spoken notice"]),
        (
            "FR",
            ["a notice to all parties; recording may not begin before the notice; ", "agents", "180 days"],
        ),
        ("ES", ["how long the recording is kept"]),
        ("JP", ["Source: <https://"]),
        ("XX", ["An unknown place (XX): no default is shipped", "the consent of all parties"]),
    ],
)
def test_an_explanation_leaves_nothing_out(place: str, words: list[str]):
    """Both readings where courts disagree, every question that the rule answers, and whether it is unknown."""
    text = explain(packaged().of(place))
    assert [part for part in words if part not in text] == []

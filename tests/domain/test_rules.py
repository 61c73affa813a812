"""The rules that are shipped, row by row, and how the rules of several places join."""

import re
from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from tests.support.packaged_rules import packaged
from vault.domain.legal_rules.rule import CONSENTS, Rule, RuleOverride, explain, strictest

BOOK = packaged()
EVERY = (BOOK.unknown, *BOOK.rules.values())
STATES = re.findall(
    "[A-Z]{2}",
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK "
    "OR PA RI SC SD TN TX UT VT VA WA WV WI WY",
)
MEMBERS = re.findall(
    "[A-Z]{2}", "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
)
NO_DEFAULT = {"BR", "MX", "AE", "IL", "KR", "CN"}
FLAGS = {
    "I": "notice_in_recording",
    "T": "tone_accepted",
    "R": "refusal_route",
    "A": "agent_notice",
    "S": "retention_spoken",
}
#: Place; consent; the flags that are set, and B where recording may not begin before; confidence; statute.
FACTS = [
    ("US", "all", "I", "medium", "18 U.S.C. § 2511(2)(d)"),
    ("US-CA", "all", "T", "high", "632.7"),
    ("US-CT", "all", "IT", "high", "52-570d"),
    ("US-DE", "all", "", "contested", "1335(a)(4)"),
    ("US-FL", "all", "", "high", "934.03(2)(d)"),
    ("US-IL", "all", "", "medium", "720 ILCS 5/14-1"),
    ("US-MD", "all", "", "high", "10-402"),
    ("US-MA", "all", "", "high", "ch. 272 § 99(C)"),
    ("US-MI", "all", "", "contested", "750.539c"),
    ("US-MT", "all", "", "medium", "45-8-213"),
    ("US-NV", "all", "", "high", "200.620"),
    ("US-NH", "all", "", "high", "570-A:2"),
    ("US-PA", "all", "", "high", "5704"),
    ("US-WA", "all", "I", "high", "RCW 9.73.030"),
    ("US-OR", "one", "", "high", "165.540"),
    ("US-HI", "one", "", "medium", "803-42"),
    ("US-VT", "one", "", "medium", "2511(2)(d)"),
    ("US-GA", "one", "", "medium", "16-11-66"),
    ("US-AL", "one", "", "medium", "13A-11-30"),
    ("US-AK", "one", "", "medium", "42.20.310"),
    ("US-DC", "one", "", "medium", "23-542"),
    ("US-IN", "one", "", "medium", "35-33.5"),
    ("US-LA", "one", "", "medium", "15:1303"),
    ("US-NJ", "one", "", "medium", "2A:156A-4"),
    ("US-NY", "one", "", "medium", "250.05"),
    ("US-OK", "one", "", "medium", "176.4"),
    ("US-TX", "one", "", "medium", "16.02"),
    ("US-WY", "one", "", "medium", "7-3-702"),
    ("EU", "notice", "BR", "high", "GDPR"),
    ("FR", "notice", "BRA", "high", "226-1"),
    ("DE", "opt_in", "BRA", "high", "201 StGB"),
    ("DK", "opt_in", "BR", "medium", "Datatilsynet"),
    ("BE", "all", "BRS", "medium", "314bis"),
    ("ES", "notice", "BRS", "medium", "LOPDGDD"),
    ("NL", "notice", "BR", "low", "139a"),
    ("AT", "notice", "BR", "low", "GDPR"),
    ("CZ", "notice", "BR", "low", "GDPR"),
    ("SK", "notice", "BR", "low", "GDPR"),
    ("RO", "all", "BR", "low", "GDPR"),
    ("CH", "all", "B", "high", "179bis"),
    ("GB", "notice", "", "high", "Investigatory Powers Act 2016"),
    ("CA", "all", "R", "high", "PIPEDA"),
    ("AU", "notice", "R", "high", "1979"),
    ("NZ", "notice", "", "low", "Crimes Act 1961"),
    ("ZA", "notice", "", "medium", "RICA"),
    ("PH", "all", "", "high", "4200"),
    ("JP", "all", "BR", "low", ""),
    ("HK", "all", "BR", "low", ""),
    ("IN", "all", "BR", "low", ""),
    ("SG", "all", "BR", "low", ""),
    *((place, "opt_in", "IBR", "none", "") for place in sorted(NO_DEFAULT)),
]


@pytest.mark.parametrize(
    ("place", "consent", "flags", "confidence", "statute"), FACTS, ids=[row[0] for row in FACTS]
)
def test_the_book_says_what_was_found(place, consent, flags, confidence, statute):
    """The answer to each question, how sure it is, and the statute behind it."""
    rule = BOOK.rules[place]
    assert (rule.consent, rule.confidence) == (consent, confidence)
    assert {name for name in FLAGS.values() if getattr(rule, name)} == {
        FLAGS[flag] for flag in flags.replace("B", "")
    }
    assert rule.capture_before_consent is ("B" not in flags)
    assert statute in rule.statute


def test_the_only_time_of_keeping_is_frances():
    """Six months, which the note calls a guideline."""
    said = {rule.place: (rule.min_retention_days, rule.max_retention_days) for rule in EVERY}
    assert {place: days for place, days in said.items() if days != (None, None)} == {"FR": (None, 180)}
    assert "medium" in BOOK.rules["FR"].note


def test_every_state_and_every_member_is_there():
    """Fifty states and the District; twenty-seven members; and no place beyond those that are known here."""
    assert len(STATES) == 50
    assert {place for place in BOOK.rules if place.startswith("US-")} == {
        f"US-{state}" for state in [*STATES, "DC"]
    }
    assert len(MEMBERS) == 27
    others = {"CH", "GB", "CA", "AU", "NZ", "ZA", "PH", "JP", "HK", "IN", "SG"}
    assert {place for place in BOOK.rules if "-" not in place} == {
        "US",
        "EU",
        *MEMBERS,
        *others,
        *NO_DEFAULT,
    }


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.place)
def test_a_row_can_be_cited(rule: Rule):
    """Statute, source, ground and date stand in each; only where little is known may the law be unnamed."""
    assert rule.reviewed_on == date(2026, 11, 1)
    assert rule.basis
    assert bool(rule.sources) is (rule.confidence != "none")
    assert bool(rule.statute) is (rule.place not in {"*", "JP", "HK", "IN", "SG", *NO_DEFAULT})
    if rule.confidence in {"low", "contested", "none"}:
        assert rule.note


@pytest.mark.parametrize("place", ["US-CT", "US-DE", "US-HI", "US-MI", "US-NV", "US-OR", "US-VT"])
def test_where_lists_disagree_the_row_says_so(place: str):
    """A reader of another list finds out why it differs."""
    assert "Lists disagree" in BOOK.rules[place].note


def answers(rule: Rule) -> tuple[bool | int, ...]:
    """Return a number for each question, more for stricter."""
    return (
        CONSENTS.index(rule.consent),
        rule.notice_in_recording,
        not rule.capture_before_consent,
        not rule.tone_accepted,
        rule.refusal_route,
        rule.agent_notice,
        rule.retention_spoken,
    )


def milder(one: Rule, other: Rule) -> bool:
    """Say whether one rule is milder than another in any question."""
    return any(mine < theirs for mine, theirs in zip(answers(one), answers(other), strict=True))


def test_an_unknown_state_is_as_strict_as_the_strictest():
    """The row of the country is the join of its states', no more and no less."""
    demand = strictest([BOOK.rules[f"US-{state}"] for state in STATES])
    country = BOOK.rules["US"]
    assert answers(country) == answers(demand)  # type: ignore[arg-type]
    assert not [state for state in STATES if milder(country, BOOK.rules[f"US-{state}"])]


@pytest.mark.parametrize("place", MEMBERS)
def test_a_member_is_nowhere_milder_than_the_union(place: str):
    """National law comes on top of the baseline."""
    assert not milder(BOOK.rules[place], BOOK.rules["EU"])


@pytest.mark.parametrize("place", sorted(NO_DEFAULT))
def test_a_place_without_a_default_is_nowhere_milder_than_the_unknown(place: str):
    """To be named in the book without a default makes nothing easier."""
    assert not milder(BOOK.rules[place], BOOK.unknown)


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("US-WA", "US-WA"),
        ("US-PR", "US"),
        ("DE-BY", "DE"),
        ("XX", "XX"),
        ("XX-1", "XX-1"),
        (None, "*"),
        ("*", "*"),
    ],
)
def test_a_part_without_a_row_has_its_countrys(place: str | None, found: str):
    """And a place without any is the strict one, under its own name."""
    rule = BOOK.of(place)
    assert rule.place == found
    if found not in BOOK.rules:
        assert answers(rule) == answers(BOOK.unknown)


JOINED = [
    # Places; consent; the flags of FACTS.
    (["US-TX"], "one", "T"),
    (["US-TX", "US-TX"], "one", "T"),
    (["US-TX", "US-CA"], "all", "T"),
    (["US-CT", "US-CA"], "all", "IT"),
    (["US-CA", "US-WA"], "all", "I"),
    (["GB", "US-TX"], "notice", ""),
    (["GB", "FR"], "notice", "BRA"),
    (["FR", "US-WA"], "all", "IBRA"),
    (["DE", "US-WA", "ES"], "opt_in", "IBRAS"),
    (["CH", "AU"], "all", "BR"),
    (["US-TX", None], "all", "IBR"),
]


@pytest.mark.parametrize(("places", "consent", "flags"), JOINED)
def test_the_strictest_answer_to_each_question_wins(places, consent, flags):
    """In whatever order the parties are named; a place that asks for nothing has nothing against a tone."""
    for order in permutations(BOOK.of(place) for place in places):
        demand = strictest(order)
        assert demand.consent == consent == demand.rules[0].consent
        assert {name for name in FLAGS.values() if getattr(demand, name)} == {
            FLAGS[flag] for flag in flags.replace("B", "")
        }
        assert demand.capture_before_consent is ("B" not in flags)
        assert sorted(rule.place for rule in demand.rules) == sorted(rule.place for rule in order)


def test_times_of_keeping_join_to_the_longest_least_and_the_shortest_most():
    """Where nobody says anything there is none; without rules there is no demand."""
    said = [(None, None), (30, 400), (90, 365)]
    rules = [
        Rule(place="XX", name="x", consent="one", min_retention_days=least, max_retention_days=most)
        for least, most in said
    ]
    demand = strictest(rules)
    assert (demand.min_retention_days, demand.max_retention_days) == (90, 365)
    none = strictest(rules[:1])
    assert (none.min_retention_days, none.max_retention_days) == (None, None)
    with pytest.raises(ValueError, match="must not be empty"):
        strictest([])


def test_an_override_changes_what_it_names_and_nothing_else():
    """False is a word too, and None leaves the book's."""
    override = RuleOverride(
        place="US-WA",
        consent="one",
        notice_in_recording=False,
        reason="counsel",
        author="key_1",
        at=datetime(2026, 11, 2, tzinfo=UTC),
    )
    before, after = BOOK.rules["US-WA"], override.apply(BOOK.rules["US-WA"])
    assert (after.consent, after.notice_in_recording) == ("one", False)
    assert (after.statute, after.capture_before_consent) == (before.statute, True)


@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.place)
def test_nothing_in_the_book_claims_compliance(rule: Rule):
    """No row and no explanation says that a recording would be right, and each says it is no advice."""
    text = " ".join([explain(rule), rule.basis, rule.note, *rule.readings])
    assert not re.search(r"compl(y|ian|ies)|you may|\bsafe\b|guarante|certif", text, re.IGNORECASE)
    assert explain(rule).endswith("This is not legal advice.")

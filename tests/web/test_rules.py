"""The rule book over REST: every field, for anyone who holds a key."""

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House

WASHINGTON = {
    "place": "US-WA",
    "name": "Washington",
    "consent": "all",
    "notice_in_recording": True,
    "capture_before_consent": True,
    "tone_accepted": False,
    "refusal_route": False,
    "agent_notice": False,
    "retention_spoken": False,
    "min_retention_days": None,
    "max_retention_days": None,
    "basis": "consent of all parties; an announcement is enough only if it is recorded too",
    "statute": "RCW 9.73.030",
    "sources": ["https://www.rcfp.org/reporters-recording-guide/state-state-guide/washington"],
    "reviewed_on": "2026-11-01",
    "confidence": "high",
    "note": "",
    "readings": [],
    "explanation": "Washington (US-WA) asks for the consent of all parties; an announcement counts only if it can be "
    "heard in the recording. Source: RCW 9.73.030 <https://www.rcfp.org/reporters-recording-guide/state-state-guide/"
    "washington>. Confidence: high; reviewed 2026-11-01. This is not legal advice.",
    "not_legal_advice": True,
    "book_version": "2026.11.1",
}


def test_a_rule_has_every_field(house: House):
    """As the book has it, with what it means in words and the book's version."""
    answer = house.admin.get("/v1/rules/US-WA")
    assert (answer.status_code, answer.json()) == (200, WASHINGTON)
    assert house.admin.get("/v1/rules/us-wa").json() == WASHINGTON


@pytest.mark.parametrize(
    ("asked", "place", "consent", "confidence"),
    [
        ("GB", "GB", "notice", "high"),
        ("UK", "GB", "notice", "high"),
        ("US-PR", "US", "all", "medium"),
        ("BR", "BR", "opt_in", "none"),
        ("XX", "XX", "all", "none"),
        ("*", "*", "all", "none"),
        ("%2A", "*", "all", "none"),
    ],
)
def test_a_place_that_nobody_knows_is_strict(
    house: House, asked: str, place: str, consent: str, confidence: str
):
    """What has no row of its own is its country's, or the strict one under its own name."""
    rule = house.admin.get(f"/v1/rules/{asked}").json()
    assert (rule["place"], rule["consent"], rule["confidence"]) == (place, consent, confidence)
    if confidence == "none":
        assert (rule["tone_accepted"], rule["refusal_route"], rule["statute"]) == (False, True, "")
        assert "no default is shipped" in rule["explanation"]


def test_a_contested_rule_shows_both_readings(house: House):
    """Delaware: two sentences, which stand in the explanation too."""
    rule = house.admin.get("/v1/rules/US-DE").json()
    assert (rule["confidence"], len(rule["readings"])) == ("contested", 2)
    assert all(reading in rule["explanation"] for reading in rule["readings"])


@pytest.mark.parametrize("place", ["xyz!", "France", "US_WA", "U", "%C3%9F", "US-WASH"])
def test_what_is_no_place_is_404(house: House, place: str):
    """A problem that says what a place looks like."""
    answer = house.admin.get(f"/v1/rules/{place}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert (
        answer.json()["detail"]
        == "A place is a country such as FR, a state such as US-WA, or * for the unknown."
    )


def test_all_rules_are_listed(house: House):
    """The unknown first, then every place in order, each as it is shown alone."""
    body = house.admin.get("/v1/rules").json()
    assert {name: body[name] for name in ("book_version", "not_legal_advice", "next_cursor")} == {
        "book_version": "2026.11.1",
        "not_legal_advice": True,
        "next_cursor": None,
    }
    places = [rule["place"] for rule in body["items"]]
    assert (places[0], len(places)) == ("*", 98)
    assert places == sorted(places)
    assert WASHINGTON in body["items"]


def test_any_key_opens_the_book_and_none_does_not(house: House, stranger: httpx.Client, tenant: Tenant):
    """A key of one account with one scope is enough; without a key it is 401, also for what is no place."""
    for scope in ("ingest", "audit:read"):
        client = house.client(house.key_for(tenant.name, scope))
        assert client.get("/v1/rules/FR").status_code == 200
        assert client.get("/v1/rules").status_code == 200
    for path in ("/v1/rules", "/v1/rules/FR", "/v1/rules/xyz!"):
        assert stranger.get(path).status_code == 401
        assert stranger.get(path, headers={"Authorization": "Bearer cv_x"}).status_code == 401

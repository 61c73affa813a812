"""The consent policy over REST: a part of it is merged, the whole of it is whole.

The rule book over REST: every field, for anyone who holds a key.
"""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.doors import POLICY

SET = POLICY | {
    "missing_evidence": "accept",
    "reason": "asked by the works council",
    "home_place": "US-DC",
    "quarantine_days": 14,
    "keys": {"accept": "2", "decline": "8", "object": "7"},
    "overrides": [{"place": "US-MI", "consent": "one", "reason": "a participant may record"}],
}
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


def stands(tenant: Tenant) -> dict[str, Any]:
    """Return the policy as it stands."""
    return dict(tenant.http.get(tenant.url("/consent-policy")).json())


def put(tenant: Tenant, policy: dict[str, Any]) -> Any:
    """Set the whole policy."""
    return tenant.http.put(tenant.url("/consent-policy"), json=policy)


@pytest.fixture(scope="module")
def careful(house: House) -> Tenant:
    """An account whose policy says something in every field."""
    tenant = Tenant.open(house.admin)
    assert put(tenant, SET).status_code == 200
    return tenant


@pytest.mark.faults
@pytest.mark.parametrize("missing", [*POLICY, "keys.accept", "keys.decline", "keys.object"])
def test_a_field_that_is_missing_is_no_reset(careful: Tenant, missing: str):
    """PUT without it is 422 and names it; nothing changes."""
    before, sent = stands(careful), SET | {"keys": dict(SET["keys"])}  # type: ignore[call-overload]
    outer, _, inner = missing.partition(".")
    del (sent[outer] if inner else sent)[inner or outer]  # type: ignore[attr-defined]
    answer = put(careful, sent)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [missing]
    assert stands(careful) == before


@pytest.mark.faults
@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ({}, {}),
        ({"withdrawal": "erase"}, {"withdrawal": "erase"}),
        ({"home_place": None}, {"home_place": None}),
        ({"keys": {"object": None}}, {"keys": SET["keys"] | {"object": None}}),  # type: ignore[operator]
        ({"overrides": []}, {"overrides": []}),
    ],
)
def test_a_part_leaves_the_rest_as_it_is(careful: Tenant, part: dict[str, Any], changed: dict[str, Any]):
    """PATCH changes what is sent; authors and moments of overrides stay, and nothing sent is no new version."""
    assert put(careful, SET).status_code == 200
    before = stands(careful)
    answer = careful.http.patch(careful.url("/consent-policy"), json=part)
    assert answer.status_code == 200, answer.text
    written = {"version", "changed_at"}
    assert {name: answer.json()[name] for name in before if name not in written} == {
        name: value for name, value in (before | changed).items() if name not in written
    }
    assert answer.json()["version"] == before["version"] + bool(part)


@pytest.mark.faults
@pytest.mark.parametrize(
    "part",
    [{"mode": None}, {"keys": None}, {"quarantine_days": 0}, {"version": 3}, {"keys": {"accept": "8"}}],
)
def test_a_part_that_cannot_be_merged_changes_nothing(careful: Tenant, part: dict[str, Any]):
    """Null where there is no null, a field of the vault's own, two answers on one key: 422."""
    before = stands(careful)
    assert careful.http.patch(careful.url("/consent-policy"), json=part).status_code == 422
    assert stands(careful) == before


@pytest.mark.faults
def test_two_parts_at_once_both_count(house: House):
    """They are merged under the account's lock, so neither takes the other's field back."""
    tenant = Tenant.open(house.admin)
    fields = {"withdrawal": "erase", "home_place": "US-DC", "quarantine_days": 3, "mode": "announce"}

    async def change() -> None:
        changes = [partial(replace, **{name: value}) for name, value in fields.items()]
        merge = house.vault.consent.policy.merge
        await asyncio.gather(*(merge(tenant.id, one, if_version=None, actor="test") for one in changes))

    house.call(change)
    assert {name: stands(tenant)[name] for name in fields} == fields


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


@pytest.mark.parametrize(
    ("written", "place"), [("uk", "GB"), ("us-wa", "US-WA"), ("France", None), ("*", None)]
)
def test_the_place_of_a_retention_class_is_one(house: House, written: str, place: str | None):
    """Wrong: a place that no call can have is taken, so that the class never holds."""
    tenant = Tenant.open(house.admin)
    policy = {
        "classes": [
            {
                "class": "here",
                "purpose": "p",
                "minimum": "P1Y",
                "minimum_ground": "business",
                "match": {"place": written},
            }
        ]
    }
    preview = tenant.http.post(tenant.url("/retention-policy/preview"), json=policy)
    if place is None:
        assert (preview.status_code, preview.json()["field"]) == (422, "classes.0.match.place")
        return
    digest = {"Preview-Digest": preview.json()["digest"]}
    answer = tenant.http.put(tenant.url("/retention-policy"), json=policy, headers=digest)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    (found,) = shown["classes"] or shown["waiting"]["classes"]
    assert found["match"]["place"] == place

"""The registers over HTTP: record of processing, recipients, disclosures, requests of authorities, the public page."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.register_entries import (
    CONTROLLER,
    PROFILE,
    RECIPIENT,
    REQUEST,
    field_of,
    put,
    recipient,
    record,
    request,
)
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House, open_house


def test_a_record_that_nobody_wrote_says_what_is_missing(tenant: Tenant):
    """The settings are in it from the first day, and the gaps have names."""
    found = record(tenant)
    assert found["missing"] == ["controller", "purposes", "persons", "data", "recipient/connection/main"]
    assert (found["revision"], found["controller"], found["page_url"]) == (0, None, None)
    assert found["connections"] == [{"name": "main", "provider": "platform", "deletes_at_platform": False}]
    assert found["period"] == "kept_until_erased"
    assert [(place["part"], place["kind"]) for place in found["places"]] == [
        ("object_store", "directory"),
        ("database", "sqlite"),
        ("root_key", "file"),
    ]


def test_a_record_follows_the_settings_without_being_written_again(tenant: Tenant):
    """A connection that is changed, a switch and a notice are in the next answer; what was typed stays."""
    recipient(tenant, safeguard="standard_clauses")
    assert put(tenant).status_code == 200
    before = record(tenant)
    assert (before["missing"], before["recording_enabled"]) == ([], True)
    assert before["controller"] == CONTROLLER
    assert before["other_measures"] == ["door locks"]
    assert "delete_at_platform" not in before["categories"]
    assert tenant.http.put(tenant.url("/recording-switch"), json={"enabled": False}).status_code == 200
    said = {"provider": "platform", "credentials": {"secret": tenant.secret}, "delete_at_source": True}
    assert tenant.http.put(tenant.url("/connections/main"), json=said).status_code == 200
    assert tenant.http.put(tenant.url("/connections/second"), json=said).status_code == 200
    after = record(tenant)
    assert after["recording_enabled"] is False
    assert "delete_at_platform" in after["categories"]
    assert after["missing"] == ["recipient/connection/second"]
    assert after["revision"] == before["revision"]


def test_a_change_of_the_record_is_not_lost(tenant: Tenant):
    """If-Match names the revision; a stale one is a 409 and changes nothing, and the same content is no change."""
    tag = put(tenant).headers["etag"]
    assert tag == '"1"'
    path = tenant.url("/processing-record")
    same = tenant.http.put(path, json=PROFILE, headers={"If-Match": tag})
    assert (same.status_code, same.headers["etag"]) == (200, '"1"')
    assert tenant.http.put(path, json={}, headers={"If-Match": tag}).headers["etag"] == '"2"'
    stale = tenant.http.put(path, json=PROFILE, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["reasons"]) == (409, ["changed"])
    assert record(tenant)["controller"] is None
    assert tenant.http.put(path, json={}, headers={"If-Match": "yesterday"}).status_code == 422
    assert tenant.types().count("processing_record.changed") == 2


def test_a_recipient_is_entered_changed_and_ended(tenant: Tenant):
    """After the end it stays in the list, and is no recipient in the record any more."""
    one = recipient(tenant)
    assert record(tenant)["transfers"] == [one["id"]]
    assert f"safeguard/{one['id']}" in record(tenant)["missing"]
    path = tenant.url(f"/recipients/{one['id']}")
    contract = {"status": "signed", "signed_on": "2026-01-02", "ends_on": None}
    changed = tenant.http.patch(path, json={"safeguard": "adequacy", "contract": contract})
    assert (changed.json()["safeguard"], changed.json()["contract"]) == ("adequacy", contract)
    assert changed.json()["purpose"] == RECIPIENT["purpose"]
    assert tenant.http.get(path).json() == changed.json()
    ended = tenant.http.post(f"{path}/end", json={"until": "2026-02-01"})
    assert ended.json()["until"] == "2026-02-01"
    assert tenant.http.post(f"{path}/end", json={"until": "2026-02-01"}).json() == ended.json()
    # A day later, the call without a day is still the same call.
    assert tenant.http.post(f"{path}/end", json={}).json() == ended.json()
    assert tenant.http.post(f"{path}/end", json={"until": "2026-02-02"}).status_code == 409
    assert tenant.http.patch(path, json={"name": "other"}).status_code == 409
    assert record(tenant)["recipients"] == []
    assert [item["id"] for item in tenant.http.get(tenant.url("/recipients")).json()["items"]] == [one["id"]]
    assert [kind for kind in tenant.types() if kind.startswith("recipient.")] == [
        "recipient.entered",
        "recipient.changed",
        "recipient.ended",
    ]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"country": "usa"}, "country"),
        ({"covers": ["cupboard"]}, "covers"),
        ({"contract": {"status": "signed", "signed_on": None, "ends_on": None}}, "contract.signed_on"),
        (
            {"contract": {"status": "draft", "signed_on": "2026-02-02", "ends_on": "2026-02-01"}},
            "contract.ends_on",
        ),
        ({"parent": "reg_" + "0" * 32}, "parent"),
        ({"since": "yesterday"}, "since"),
        ({"role": "friend"}, "role"),
    ],
)
def test_a_recipient_that_cannot_be_is_refused(tenant: Tenant, said: dict, field: str):
    """With the field, and nothing is entered."""
    answer = tenant.http.post(tenant.url("/recipients"), json=RECIPIENT | said)
    assert field_of(answer) == field
    assert tenant.http.get(tenant.url("/recipients")).json()["items"] == []


def test_a_chain_of_sub_processors_has_no_circle(tenant: Tenant):
    """A parent is a recipient of the same account, and not one that it engages itself."""
    first = recipient(tenant)
    second = recipient(tenant, role="sub_processor", parent=first["id"])
    circle = tenant.http.patch(tenant.url(f"/recipients/{first['id']}"), json={"parent": second["id"]})
    assert (circle.status_code, circle.json()["field"]) == (422, "parent")
    other = Tenant.open(tenant.http)
    strange = other.http.post(other.url("/recipients"), json=RECIPIENT | {"parent": first["id"]})
    assert (strange.status_code, strange.json()["field"]) == (422, "parent")


def test_a_register_has_pages(tenant: Tenant):
    """Newest first, each entry once."""
    made = [recipient(tenant, name=f"Number {number}")["id"] for number in range(5)]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = tenant.http.get(tenant.url("/recipients"), params={"limit": 2} | cursor).json()
        found += [item["id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    assert cursor == {"cursor": None}
    assert found == made[::-1]


def test_disclosures_say_who_got_what(house: House, tenant: Tenant):
    """A listener by a link, a download by a key, an exported key; and what only was shared is none."""
    heard, other = tenant.uploaded(AUDIO), tenant.uploaded(AUDIO, ref="other")
    tenant.link(other, listener="Nobody")
    link = tenant.link(heard, listener="Marta")
    with httpx.Client(base_url=house.url, timeout=30) as browser:
        session = open_link(browser, link["url"])
        assert browser.get(f"{session.headers['location']}/audio").content == AUDIO
    assert house.admin.get(tenant.url(f"/recordings/{heard}/audio")).content == AUDIO
    house.call(house.vault.audit_log.proofs.export_recording_key, heard, actor="operator")
    items = tenant.http.get(tenant.url("/disclosures")).json()["items"]
    assert [(item["kind"], item["recipient"], item["recording"], item["granted"]) for item in items] == [
        ("playback", "Marta", heard, len(AUDIO)),
        ("download", None, heard, len(AUDIO)),
        ("key_export", None, heard, 0),
    ]
    assert items[2]["actor"] == "operator"
    by = tenant.http.get(tenant.url("/disclosures"), params={"recipient": "marta"}).json()["items"]
    assert by == items[:1]
    first = tenant.http.get(tenant.url("/disclosures"), params={"limit": 1}).json()
    rest = tenant.http.get(tenant.url("/disclosures"), params={"cursor": first["next_cursor"]}).json()
    assert first["items"] + rest["items"] == items
    late = tenant.http.get(tenant.url("/disclosures"), params={"from": "2999-01-01T00:00:00Z"}).json()
    assert late["items"] == []


def test_a_request_of_an_authority_is_entered_and_answered(tenant: Tenant):
    """What it asks, who decided what, and an event for each; the decision needs its reviewer."""
    one = request(tenant)
    path = tenant.url(f"/authority-requests/{one['id']}")
    assert tenant.http.patch(path, json={"decision": "partly"}).json()["field"] == "reviewer"
    answer = {"decision": "partly", "reviewer": "Ada", "recordings": ["rec_1"], "leaves": [7]}
    changed = tenant.http.patch(path, json=answer).json()
    assert {name: changed[name] for name in answer} == answer
    assert changed["numbers"] == REQUEST["numbers"]
    assert tenant.http.patch(path, json={"told_at": "2026-04-01T00:00:00Z"}).status_code == 200
    both = tenant.http.patch(path, json={"not_told_reason": "secret"})
    assert (both.status_code, both.json()["field"]) == (422, "not_told_reason")
    assert [item["id"] for item in tenant.http.get(tenant.url("/authority-requests")).json()["items"]] == [
        one["id"]
    ]
    assert [kind for kind in tenant.types() if kind.startswith("authority.")] == [
        "authority.received",
        "authority.answered",
        "authority.changed",
    ]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"recordings": ["rec_1"]}, "recordings"),
        ({"period_from": "2026-02-01T00:00:00Z", "period_to": "2026-01-01T00:00:00Z"}, "period_to"),
        ({"decision": "refused", "reviewer": "Ada", "recordings": ["rec_1"]}, "recordings"),
        ({"secret_until": "2027-01-01T00:00:00Z", "told_at": "2026-01-01T00:00:00Z"}, "told_at"),
        ({"kind": "letter"}, "kind"),
        ({"received_at": "2026-03-01T09:00:00"}, "received_at"),
    ],
)
def test_a_request_that_contradicts_itself_is_refused(tenant: Tenant, said: dict, field: str):
    """With the field, and nothing is entered."""
    answer = tenant.http.post(tenant.url("/authority-requests"), json=REQUEST | said)
    assert field_of(answer) == field


def test_the_export_has_the_counts_and_no_person(tenant: Tenant):
    """Elements of P11a by country; what is still secret is not counted, and no typed word is in it."""
    request(tenant)
    request(tenant, kind="informal", numbers=[], access="live", scope="metadata")
    request(tenant, country="DE", kind="order", affected=12, decision="complied", reviewer="Ada")
    request(tenant, country="DE", secret_until="2999-01-01T00:00:00Z")
    request(tenant, country="BE", received_at="2025-12-31T23:59:59Z")
    answer = tenant.http.get(tenant.url("/transparency-report"), params={"year": 2026})
    assert [one["country"] for one in answer.json()["countries"]] == ["DE", "FR"]
    german, french = answer.json()["countries"]
    assert german == {
        "country": "DE",
        "received": 1,
        "access": {"stored": 1},
        "scope": {"both": 1},
        "kinds": {"order": 1},
        "court_orders": 1,
        "affected": 12,
        "affected_unknown": 0,
        "decisions": {"order": {"complied": 1}},
    }
    assert (french["affected"], french["affected_unknown"], french["court_orders"]) == (1, 1, 1)
    assert french["decisions"] == {"warrant": {"open": 1}, "informal": {"open": 1}}
    typed = ["prosecutor", "12/2026", "CPP", "+33123456789", "Ada"]
    assert [words for words in typed if words in answer.text] == []


def test_the_entries_of_another_account_are_unknown(tenant: Tenant):
    """By their ids, and under the id of another register: 404 for each, and nothing changes."""
    one, asked = recipient(tenant), request(tenant)
    other = Tenant.open(tenant.http)
    for path, entry in (("/recipients", one), ("/authority-requests", asked)):
        for account in (other, tenant):
            wrong = (
                entry["id"]
                if account is other
                else {one["id"]: asked["id"], asked["id"]: one["id"]}[entry["id"]]
            )
            at = account.url(f"{path}/{wrong}")
            assert account.http.get(at).status_code == 404
            assert account.http.patch(at, json={}).status_code == 404
        assert tenant.http.get(tenant.url(f"{path}/{entry['id']}")).json()["revision"] == 1
    assert other.http.post(other.url(f"/recipients/{one['id']}/end"), json={}).status_code == 404


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.proof, pytest.mark.postgresql])]
)
def on_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tenant]:
    """An account of a vault on either database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("tenant")
        return
    with open_house(tmp_path, VAULT_DATABASE_URL=request.getfixturevalue("migrated_url")) as house:
        yield Tenant.open(house.admin)


def test_case_42_a_preservation_is_a_hold_that_ends_by_its_release_alone(on_either: Tenant):
    """Its day is that of a review, so the recording is held after it too; the report has no number."""
    number = "+14155550155"
    call = {
        "direction": "inbound",
        "from": number,
        "to": "+14155550100",
        "started_at": "2026-05-04T09:30:00Z",
    }
    assert on_either.http.put(on_either.url("/calls/c-42"), json=call).status_code in {200, 201}
    recording = on_either.uploaded(AUDIO, call="c-42", ref="r-42")
    said = REQUEST | {"kind": "preservation", "numbers": [number], "due_at": "2026-05-05T00:00:00Z"}
    entered = on_either.http.post(on_either.url("/authority-requests"), json=said)
    assert entered.status_code == 201, entered.text
    hold = on_either.http.get(on_either.url(f"/holds/{entered.json()['hold']}")).json()
    assert (hold["ends_at"], hold["bound"]) == ("2026-05-05T00:00:00.000Z", 1)
    refused = on_either.http.delete(on_either.url(f"/recordings/{recording}"))
    assert (refused.status_code, refused.json()["holds"]) == (409, [hold["id"]])
    report = on_either.http.get(on_either.url("/transparency-report?year=2026"))
    assert number not in report.text


def test_a_preservation_without_numbers_is_refused(tenant: Tenant):
    """It would keep nothing, so nothing is entered."""
    refused = tenant.http.post(
        tenant.url("/authority-requests"), json=REQUEST | {"kind": "preservation", "numbers": []}
    )
    assert refused.status_code == 422
    assert "numbers" in refused.text
    assert tenant.http.get(tenant.url("/holds")).json()["items"] == []

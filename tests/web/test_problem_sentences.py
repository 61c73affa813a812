"""What a problem's sentence says: the field, what is wrong with it, and what to do, without what was sent.

An error names the field, and never repeats a value that was sent (docs/errors.md).
"""

import base64
import logging
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.register_entries import field_of
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.telephony.signatures.standard_webhooks import sign

JSON = {"Content-Type": "application/json"}
BODY = b'{"type": "call.started", "data": {}}'
LEAK = "ZZ-LEAK"
OVERRIDE = {"consent": "one", "reason": "counsel"}
CLASS = {"class": "quality", "purpose": "Train", "from": "call_end", "period": "P1Y", "at_end": "erase"}
DECISION = {"applies": "minimum", "reason": "counsel"}
POLICY = {"time_zone": "Europe/Paris", "waiting_days": 7, "decisions": []}


def put(tenant: Tenant, path: str, **sent) -> str:
    """PUT, and return the sentence of the 422."""
    answer = tenant.http.put(tenant.url(path), **sent)
    assert answer.status_code == 422, answer.text
    return answer.json()["detail"]


def test_json_that_is_none_names_the_place(tenant: Tenant):
    """A bare word is found by its character, and no field has the name of a number."""
    answer = tenant.http.put(tenant.url(), content=b'{"name": "x", a: 1}', headers=JSON)
    assert answer.status_code == 422
    assert "character 14" in answer.json()["detail"]
    assert [error["field"] for error in answer.json()["errors"]] == [""]
    assert "marker" not in answer.text


def test_a_moment_without_offset_says_what_to_add(tenant: Tenant):
    """In the query as in a body."""
    answer = tenant.http.get(tenant.url("/recordings"), params={"from": "2026-01-31T00:00:00"})
    assert answer.status_code == 422
    assert "T00:00:00Z" in answer.json()["detail"]


def test_a_field_comes_with_what_is_wrong(tenant: Tenant):
    """And after five of them, with how many more there are."""
    assert put(tenant, "", json={"colour": "marker"}) == "Not valid: colour: unknown field."
    many = put(tenant, "", json={f"field{number}": "marker" for number in range(8)})
    assert "; and 3 more." in many
    assert "marker" not in many


def test_paths_and_methods_that_are_not_there(tenant: Tenant):
    """404 says where paths stand; 405 says what the path takes."""
    assert "openapi.yaml" in tenant.http.get("/v1/nothing").json()["detail"]
    slash = tenant.http.put(tenant.url("/calls/a/b"), json={})
    assert (slash.status_code, "%2F" in slash.json()["detail"]) == (404, True)
    answer = tenant.http.patch(tenant.url())
    assert answer.status_code == 405
    assert all(method in answer.json()["detail"] for method in answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "secret", ["abc", "whsec_", "whsec_!", "whsec_" + base64.b64encode(bytes(23)).decode()]
)
def test_a_secret_says_how_to_make_one(tenant: Tenant, secret: str):
    """Prefix, length and encoding are one sentence, whichever is wrong."""
    told = put(tenant, "/connections/c", json={"provider": "platform", "credentials": {"secret": secret}})
    assert "whsec_" in told
    assert "24 to 64" in told
    assert "base64" in told


def test_credentials_say_which_are_optional(tenant: Tenant):
    """Twilio's: two of four."""
    told = put(tenant, "/connections/c", json={"provider": "twilio", "credentials": {"colour": "red"}})
    assert told.count("(optional)") == 2


@pytest.mark.parametrize(
    ("case", "reason"), [("headers", "headers"), ("clock", "time"), ("signature", "no secret")]
)
def test_the_log_says_why_a_webhook_was_refused(
    tenant: Tenant, caplog: pytest.LogCaptureFixture, case: str, reason: str
):
    """The caller hears of its clock and its headers, and no secret is in the log."""
    sent_at = datetime.now(UTC) - timedelta(minutes=6 if case == "clock" else 0)
    headers = sign(tenant.secret, delivery_id="d-1", sent_at=sent_at, body=BODY)
    headers |= {"headers": {"webhook-id": ""}, "signature": {"webhook-id": "another"}}.get(case, {})
    with caplog.at_level(logging.INFO):
        answer = httpx.post(tenant.webhook_url, content=BODY, headers=headers)
    assert answer.status_code == 401
    (record,) = [record for record in caplog.records if record.getMessage() == "webhook.refused"]
    fields = record.fields
    assert (fields["provider"], fields["connection_id"]) == (
        "platform",
        tenant.webhook_url.rpartition("/")[2],
    )
    assert reason in fields["reason"]
    assert tenant.secret not in str(fields)


def test_an_unknown_connection_is_told_of_too(house: House, caplog: pytest.LogCaptureFixture):
    """Without its name, which a stranger chose."""
    with caplog.at_level(logging.INFO):
        assert httpx.post(f"{house.url}/webhooks/platform/marker", content=BODY).status_code == 401
    (record,) = [record for record in caplog.records if record.getMessage() == "webhook.refused"]
    assert "no connection" in record.fields["reason"]
    assert "marker" not in str(record.fields)


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        ("consent-policy", {"home_place": LEAK}, "home_place"),
        (
            "consent-policy",
            {"overrides": [OVERRIDE | {"place": "FR"}, OVERRIDE | {"place": LEAK}]},
            "overrides.1.place",
        ),
        (
            "retention-policy",
            POLICY
            | {
                "classes": [CLASS],
                "decisions": [DECISION | {"minimum_of": "quality", "maximum_of": "zz-leak"}],
            },
            "decisions.0",
        ),
        (
            "retention-policy",
            POLICY
            | {
                "classes": [CLASS],
                "decisions": [DECISION | {"minimum_of": "quality", "maximum_of": "quality"}],
            },
            "decisions.0",
        ),
        (
            "retention-policy",
            POLICY | {"classes": [CLASS, CLASS | {"class": "zz-leak", "purpose": " "}]},
            "classes.1.purpose",
        ),
        (
            "retention-policy",
            POLICY | {"classes": [CLASS | {"class": "zz-leak", "from": "contact_ended"}]},
            "classes.0.maximum",
        ),
    ],
)
def test_a_refused_value_is_not_repeated(tenant: Tenant, path: str, said: dict[str, object], field: str):
    """Its field has the place of the entry in its list."""
    method = "PATCH" if path == "consent-policy" else "PUT"
    refused = tenant.http.request(method, tenant.url(f"/{path}"), json=said)
    assert field_of(refused) == field
    assert "leak" not in refused.text.lower()
    assert "quality" not in refused.text

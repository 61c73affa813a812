"""Every list of REST has a limit: a page of it, a maximum of what it lists, or a reason why it cannot grow."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.domain.sign_in import connection as sign_in_connection
from vault.services.accounts import connections as platform_connections
from vault.services.consent import notices


class Grows(str):
    """Why a list has no page, though acts make it longer."""

    __slots__ = ()


_AUDIO = "at most so many points as a picture has"
_RULES = "the shipped rule book"
_SET = "set as a whole, by a body with a maximum"
_DOCUMENT = "a document, which is whole or worthless; it is made beside the event loop"
#: By operation and field: lists without a page, and why.
NO_PAGE: dict[tuple[str, str], str] = {
    ("list_connections", "items"): Grows("an account has at most MAX_CONNECTIONS"),
    ("list_sign_in_connections", "items"): Grows("an account has at most MAX_CONNECTIONS"),
    ("get_provisioning", "tokens"): "an account has at most two",
    ("list_call_pauses", "items"): Grows("a call has at most MAX_PAUSES"),
    ("list_link_keys", "items"): Grows("an account has at most MAX_KEYS"),
    ("list_event_endpoints", "items"): Grows("an account has at most MAX_ENDPOINTS"),
    ("list_integrations", "items"): Grows("an account has at most MAX_EVER"),
    ("get_handover", "candidates"): "at most MAX_CANDIDATES",
    ("get_handover", "residue"): "one for each kind of Residue",
    ("list_recording_notes", "items"): Grows("a key has at most MAX_NOTES on a recording"),
    ("list_rules", "items"): _RULES,
    ("get_rule", "sources"): _RULES,
    ("get_rule", "readings"): _RULES,
    ("get_request_package_parts", "items"): "one for each GiB or 10,000 recordings of an account that is closed",
    ("get_recording_history", "items"): Grows(_DOCUMENT),
    ("get_evidence", "chain"): Grows("a call has a maximum of facts and of consent events"),
    ("get_key_rotation", "before"): "one for each version of the account's key",
    ("get_usage", "periods"): "at most MOST_DAYS days, or 120 months",
    ("get_recording", "reasons"): "one for each cause of a decision",
    ("get_recording", "restricted_by"): "each party once, and requests: who lifts a restriction names all of them",
    ("get_recording", "voices"): "two",
    ("get_waveform", "channels"): _AUDIO,
    ("get_waveform", "loudness"): _AUDIO,
    ("get_session_waveform", "channels"): _AUDIO,
    ("get_session_waveform", "loudness"): _AUDIO,
    ("get_policy", "overrides"): _SET,
    ("get_notice", "places"): _SET,
    ("get_link_key", "kinds"): _SET,
    ("get_event_endpoint", "types"): _SET,
    ("get_event_keys", "keys"): "the last MAX_PUBLIC_KEYS",
    ("get_link_key", "networks"): _SET,
    ("get_approval_rule", "verbs"): _SET,
    ("get_approval_rule", "implied"): "acts that every rule has",
    ("get_retention_policy", "classes"): _SET,
    ("get_retention_policy", "decisions"): _SET,
    ("get_recipient", "covers"): _SET,
    ("get_sign_in_connection", "scopes"): _SET,
    ("get_sign_in_connection", "claim"): _SET,
    ("get_sign_in_connection", "acr_values"): _SET,
    ("get_sign_in_connection", "roles"): _SET,
    ("get_member", "roles"): _SET,
    ("get_member", "agents"): _SET,
    ("get_authority_request", "numbers"): _SET,
    ("get_authority_request", "recordings"): _SET,
    ("get_authority_request", "leaves"): _SET,
    ("get_authority_request", "holds"): "a request has a maximum of holds",
    ("get_retention", "reasons"): "one for each cause",
    ("get_retention", "bounds"): "one for each class of the policy, which has a maximum",
    ("get_request", "echoes"): "one for each number of a request",
    ("get_request", "not_searchable"): "one for each part of the vault",
    ("get_consistency", "hashes"): "one for each level of the tree",
    ("get_processing_record", "recipients"): Grows(_DOCUMENT),
    ("get_processing_record", "page_lacks"): "one for each part of the vault, connection and recipient of the document",
    ("get_processing_record", "connections"): Grows("an account has at most MAX_CONNECTIONS"),
    ("get_processing_record", "notices"): Grows("an account has at most MAX_PUBLISHED"),
    ("get_transparency_report", "countries"): "one for each country",
} | {
    ("get_processing_record", name): _SET
    for name in ("missing", "joint_controllers", "purposes", "persons", "data", "categories", "transfers", "periods",
                 "measures", "other_measures", "places")
}  # fmt: skip


def _resolved(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    return schema


def lists(app: FastAPI) -> Iterator[tuple[str, str, bool]]:
    """Yield operation and field of each list that a GET returns, and whether the operation takes a limit."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for methods in document["paths"].values():
        if "get" not in methods:
            continue
        operation = methods["get"]
        limited = any(parameter["name"] == "limit" for parameter in operation.get("parameters", ()))
        for content in operation["responses"].get("200", {}).get("content", {}).values():
            shown = _resolved(schemas, content.get("schema", {}))
            for name, field in shown.get("properties", {}).items():
                if _resolved(schemas, field).get("type") == "array":
                    yield operation["operationId"], name, limited


def test_every_list_has_a_limit(house: House):
    """A new list takes ``limit`` and ``cursor``, or says here why it cannot grow."""
    found = list(lists(house.app))
    endless = {(operation, name) for operation, name, limited in found if not limited}
    assert len(found) > 50
    assert endless - set(NO_PAGE) == set(), "take a PageQuery, or say in NO_PAGE why it cannot grow"
    assert set(NO_PAGE) - endless == set(), "remove from NO_PAGE"


def _switch(tenant: Tenant) -> str:
    for number in range(5):
        tenant.switch(enabled=bool(number % 2))
    return "/recording-switch/history"


def _policies(tenant: Tenant) -> str:
    for days in range(5):
        answer = tenant.http.patch(tenant.url("/consent-policy"), json={"quarantine_days": days + 1})
        assert answer.status_code == 200, answer.text
    return "/consent-policy/history"


def _notices(tenant: Tenant) -> str:
    for text in range(5):
        said = {"language": "en", "audience": "caller", "mode": "announce", "text": f"{text}"}
        assert tenant.http.post(tenant.url("/notices"), json=said).status_code == 201
    return "/notices"


def _cuts(tenant: Tenant) -> str:
    for number in range(5):
        answer = tenant.http.post(tenant.url("/link-cuts"), json={"listener": f"Kim {number}"})
        assert answer.status_code == 201, answer.text
    return "/link-cuts"


def _objections(tenant: Tenant) -> str:
    path = tenant.url("/objections/+33612345678")
    for _ in range(5):
        assert tenant.http.put(path).status_code == 201
        assert tenant.http.delete(path).status_code == 204
    return "/objections/+33612345678"


PAGED: dict[str, Callable[[Tenant], str]] = {
    "switch": _switch,
    "policies": _policies,
    "notices": _notices,
    "cuts": _cuts,
    "objections": _objections,
}


def _walk(tenant: Tenant, path: str, field: str = "items") -> list[Any]:
    """Return what the pages of a list have, two items each."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        answer = tenant.http.get(path, params={"limit": "2"} | cursor)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page[field]) <= 2
        found += page[field]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("name", sorted(PAGED))
def test_the_pages_of_a_list_have_each_item_once_in_order(tenant: Tenant, name: str):
    """Two by two, they are what the list is at once; a cursor that nobody gave out is a 422."""
    path = tenant.url(PAGED[name](tenant))
    whole = tenant.http.get(path).json()
    assert whole["next_cursor"] is None
    assert len(whole["items"]) >= 5
    assert _walk(tenant, path) == whole["items"]
    assert tenant.http.get(path, params={"cursor": "nonsense!"}).status_code == 422
    assert tenant.http.get(path, params={"limit": 201}).status_code == 422


def test_links_keys_and_recordings_of_a_call_have_pages_too(house: House, tenant: Tenant):
    """Newest first, oldest first, and inside a call."""
    recordings = [tenant.uploaded(AUDIO, call="many", ref=f"r{number}") for number in range(3)]
    for number in range(5):
        tenant.link(recordings[0], listener=f"Kim {number}")
    path = tenant.url(f"/recordings/{recordings[0]}/links")
    assert [one["listener"] for one in _walk(tenant, path)] == [
        f"Kim {number}" for number in range(4, -1, -1)
    ]
    shown = _walk(tenant, tenant.url("/calls/many"), "recordings")
    assert [one["id"] for one in shown] == recordings
    for _ in range(5):
        house.key_for(tenant.name, "keys:write")
    http = house.client(house.key_for(tenant.name, "keys:write"))
    own = Tenant(http, tenant.name, tenant.webhook_url, tenant.secret, tenant.id)
    assert len({one["id"] for one in _walk(own, "/v1/keys")}) == 6


def test_what_an_account_sets_up_has_a_maximum(tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """Above it a new name is refused; what is there can still be changed."""
    monkeypatch.setattr(platform_connections, "MAX_CONNECTIONS", 2)
    monkeypatch.setattr(sign_in_connection, "MAX_CONNECTIONS", 0)
    monkeypatch.setattr(notices, "MAX_PUBLISHED", 0)

    def put(path: str, said: dict[str, Any]) -> tuple[int, list[str]]:
        answer = tenant.http.put(tenant.url(path), json=said)
        return answer.status_code, answer.json().get("reasons", [])

    platform = {"provider": "platform", "credentials": {"secret": tenant.secret}}
    assert put("/connections/second", platform)[0] == 200
    assert put("/connections/third", platform) == (409, ["too_many_connections"])
    assert put("/connections/second", platform)[0] == 200
    provider = {
        "issuer": "https://idp.example", "client_id": "vault", "client_secret": "s" * 20,
        "claim": ["groups"], "roles": [{"value": "a", "role": "auditor"}],
    }  # fmt: skip
    assert put("/sign-in-connections/idp", provider) == (409, ["too_many_sign_in_connections"])
    said = {"language": "en", "audience": "caller", "mode": "announce", "controller": "Acme",
            "purposes": "training", "refusal": "say no", "full_notice": "acme.example"}  # fmt: skip
    draft = tenant.http.post(tenant.url("/notices"), json=said).json()
    refused = tenant.http.post(tenant.url(f"/notices/{draft['id']}/publish"))
    assert (refused.status_code, refused.json().get("reasons")) == (409, ["too_many_notices"])


def test_the_console_shows_a_page_and_leads_to_the_next(house: House, tenant: Tenant):
    """Of keys, notices, versions of the policy, changes of the switch, links and cuts."""
    browser = sign_in(house, tenant.name)
    for days in range(52):
        answer = tenant.http.patch(tenant.url("/consent-policy"), json={"quarantine_days": days + 1})
        assert answer.status_code == 200, answer.text
    first = browser.get(f"/console/accounts/{tenant.name}/consent")
    assert f'href="/console/accounts/{tenant.name}/consent?cursor=50&amp;trail=-">More<' in first.text
    second = browser.get(f"/console/accounts/{tenant.name}/consent?cursor=50")
    assert second.status_code == 200
    assert ">More<" not in second.text
    for page in ("", "/access/keys", "/consent/notices", "/connections/keys/cuts"):
        assert browser.get(f"/console/accounts/{tenant.name}{page}?cursor=nonsense!").status_code == 422

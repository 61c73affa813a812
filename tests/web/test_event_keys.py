"""The public keys of endpoints for events: at a well-known address, for everybody, and only those."""

import httpx

from tests.support.tenant import Tenant


def test_anybody_gets_the_public_keys(tenant: Tenant, stranger: httpx.Client):
    """With when each signed, and nothing of the endpoint; one without keys is as one that does not exist."""
    said = {"url": "https://crm.example/hook", "types": ["*"]}
    made = tenant.http.post(tenant.url("/event-endpoints"), json=said | {"ed25519": True}).json()
    address = "/.well-known/callvault-event-keys"
    first = stranger.get(f"{address}/{made['id']}")
    assert first.json() == {"keys": [{"key": made["public_key"], "since": made["created_at"], "until": None}]}
    rotated = tenant.http.post(tenant.url(f"/event-endpoints/{made['id']}/secret"), json={}).json()
    keys = stranger.get(f"{address}/{made['id']}").json()["keys"]
    assert [one["key"] for one in keys] == [made["public_key"], rotated["public_key"]]
    assert keys[0]["until"] == rotated["former_secret_until"]
    without = tenant.http.post(tenant.url("/event-endpoints"), json=said).json()
    assert without["public_key"] is None
    answers = [stranger.get(f"{address}/{name}") for name in (without["id"], "ep_strange")]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}

"""Sign-in connections over REST: what a key may grant."""

from tests.support.tenant import Tenant
from tests.support.web_house import House


def test_a_key_grants_no_more_than_it_has(house: House, tenant: Tenant):
    """A role with a scope that the key lacks is 403, by name."""
    key = house.client(house.key_for(tenant.name, "keys:write", "recordings:read", "links:write"))
    body = {"issuer": "https://idp.example", "client_id": "c", "roles": [{"value": "v", "role": "admin"}]}
    refused = key.put(tenant.url("/sign-in-connections/x"), json=body)
    assert refused.status_code == 403
    assert "audit:read" in refused.json()["detail"]
    body["roles"] = [{"value": "v", "role": "listener"}]
    made = key.put(tenant.url("/sign-in-connections/x"), json=body)
    assert made.status_code == 200
    assert "client_secret" not in made.json()

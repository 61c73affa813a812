"""What tests of all operations do with endpoints for events."""

from typing import Any

from tests.support.tenant import Tenant
from vault.domain.events.endpoint import MAX_ENDPOINTS


def type_endpoint(tenant: Tenant, mark: Any) -> None:
    """Make an endpoint for events, and change it, with marked texts."""
    at = "/event-endpoints"
    said = {"url": f"https://crm.example/{mark('POST', at, 'url')}", "types": ["*"]}
    made = tenant.http.post(tenant.url(at), json=said | {"description": mark("POST", at, "description")})
    assert made.status_code == 201, made.text
    one = at + "/{endpoint}"
    change = {"url": f"https://crm.example/{mark('PATCH', one, 'url')}"}
    change["description"] = mark("PATCH", one, "description")
    changed = tenant.http.patch(tenant.url(f"{at}/{made.json()['id']}"), json=change)
    assert changed.status_code == 200, changed.text


def grow_endpoints(grown: Any, number: int) -> None:
    """Make an endpoint for events while there is place for one, and another one, which is deleted.

    The first one is told everything, the others what does not happen: else each act would have 20 messages.
    """
    said = {"url": "https://crm.example/hook", "types": ["key.rotated"] if "endpoint" in grown.ids else ["*"]}
    if number < MAX_ENDPOINTS - 1:
        grown.ids.setdefault("endpoint", grown.act("post_event_endpoint", body=said)["id"])
    made = grown.act("post_event_endpoint", body=said)["id"]
    grown.act("patch_event_endpoint", body={"description": "d"}, endpoint=made)
    grown.act("post_event_secret", body={}, endpoint=made)
    grown.act("delete_event_endpoint", endpoint=made)
    # One event: a replay of many takes a transaction for each 200 of them.
    if found := grown.act("list_events", params={"limit": 1})["items"]:
        grown.act("post_event_replay", body={"event": found[0]["id"]}, endpoint=grown.ids["endpoint"])
    # The host does not exist, and each test is an attempt.
    grown.act("post_event_test", endpoint=grown.ids["endpoint"])
    vault = grown.house.vault
    grown.house.call(vault.database.write, lambda tx: tx.tree.settle())
    grown.house.call(vault.jobs.publish_events.look)

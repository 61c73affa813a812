"""What tests of all operations do with integrations and hand-overs."""

from typing import Any, Final

from tests.support.tenant import Tenant
from tests.web.event_acts import grow_endpoints
from tests.web.growth_scene import LIMIT
from vault.domain.handover.integration import MAX_EVER

SAID: Final = {
    "system": "hubspot", "key": "pat-eu1-0000", "recipient": "HubSpot", "country": "US", "safeguard": "adequacy",
}  # fmt: skip
_CLIENT: Final = {"id": "app-1", "secret": "s3cret"}
_PERIOD: Final = {"from": "2026-01-01T00:00:00Z", "until": "2026-02-01T00:00:00Z"}


def type_integration(tenant: Tenant, mark: Any) -> None:
    """Activate a system, pause it, and change it, with marked texts. Nothing is handed over."""
    at, one, preview = "/integrations", "/integrations/{integration}", "/integration-preview"
    shown = tenant.http.post(tenant.url(preview), json=SAID | _marked(mark, preview))
    assert shown.status_code == 200, shown.text
    client = {name: mark("POST", preview, f"client.{name}") for name in ("id", "secret")}
    shown = tenant.http.post(tenant.url(preview), json={**SAID, "key": None, "client": client})
    assert shown.status_code == 200, shown.text
    made = tenant.http.post(tenant.url(at), json=SAID | _marked(mark, at))
    assert made.status_code == 201, made.text
    made_at = tenant.url(f"{at}/{made.json()['id']}")
    assert tenant.http.post(f"{made_at}/pause").status_code == 200
    texts = {name: mark("PATCH", one, name) for name in ("description", "key")}
    settings = {"id_property": mark("PATCH", one, "settings{}").lower()}
    changed = tenant.http.patch(made_at, json=texts | {"settings": settings})
    assert changed.status_code == 200, changed.text
    client = {name: mark("PATCH", one, f"client.{name}") for name in ("id", "secret")}
    changed = tenant.http.patch(made_at, json={"client": client})
    assert changed.status_code == 200, changed.text
    client = {name: mark("POST", at, f"client.{name}") for name in ("id", "secret")}
    made = tenant.http.post(tenant.url(at), json={**SAID, "key": None, "client": client})
    assert made.status_code == 201, made.text


def _marked(mark: Any, at: str) -> dict[str, Any]:
    """Return the texts of an activation, marked."""
    settings = {"id_property": mark("POST", at, "settings{}").lower()}
    return {name: mark("POST", at, name) for name in ("description", "recipient", "key")} | {
        "settings": settings
    }


def grow_receivers(grown: Any, number: int) -> None:
    """Let everything grow to which something is sent."""
    grow_endpoints(grown, number)
    grow_integrations(grown, number)


def grow_integrations(grown: Any, number: int) -> None:
    """Activate a system that stays paused, so that hand-overs wait, and another one, which is ended."""
    if "integration" not in grown.ids:
        # So many that the hand-overs of one recording fill a page.
        for _ in range(LIMIT + 1):
            grown.ids["integration"] = grown.act("post_integration", body=SAID)["id"]
            grown.act("post_integration_pause", integration=grown.ids["integration"])
    vault = grown.house.vault
    grown.house.call(vault.database.write, lambda tx: tx.tree.settle())
    grown.house.call(vault.jobs.follow_log.look)
    if found := grown.act("list_handovers", params={"limit": 1})["items"]:
        grown.ids["handover"] = found[0]["id"]
    if number >= MAX_EVER - LIMIT - 2:
        return
    grown.act("post_system_preview", body=SAID)
    made = grown.act("post_integration", body=SAID)["id"]
    grown.act("post_integration_pause", integration=made)
    grown.act("patch_integration", body={"description": "d"}, integration=made)
    grown.act("patch_integration", body={"client": _CLIENT}, integration=made)
    grown.act("post_integration_authorization", integration=made)
    grown.act("post_integration_preview", integration=made)
    grown.act("post_back_fill", body=_PERIOD, integration=made)
    grown.act("post_integration_end", body={"remove": False}, integration=made)

"""A restriction that persons of several requests asked for is lifted by REST and by the console, with each request."""

import pytest

from tests.support.console import form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

_TOLD = "2026-05-04T09:30:00Z"


@pytest.fixture
def restricted(house: House, tenant: Tenant) -> str:
    """Return a recording that two requests have restricted."""
    recording = tenant.uploaded(AUDIO)
    assert tenant.http.put(tenant.url(f"/recordings/{recording}/restriction"), json={}).status_code == 200
    for request in ("req_a", "req_b"):
        house.call(
            house.vault.database.write,
            lambda tx, request=request: tx.requests.note_restriction(recording, request),
        )
    return recording


def test_the_interface_takes_each_request(tenant: Tenant, restricted: str):
    """The 422 names the field and the request that is left."""
    lift = tenant.url(f"/recordings/{restricted}/restriction")
    refused = tenant.http.delete(lift, params={"told_at": _TOLD, "requests": "req_a"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "requests"
    assert "req_b" in refused.text
    done = tenant.http.delete(lift, params={"told_at": _TOLD, "requests": ["req_a", "req_b"]})
    assert (done.status_code, done.json()["flags"]["restricted"]) == (200, False)


def test_the_console_takes_each_request(house: House, tenant: Tenant, restricted: str):
    """One in each line; the form that is left out names them at its field."""
    client = sign_in(house, tenant.name)
    page = f"/console/accounts/{tenant.name}/recordings/{restricted}"
    for requests, status in (("", 422), ("req_a\nreq_b\n", 303)):
        hidden = form_of(client.get(page), f"{page}/restriction")
        sent = client.post(f"{page}/restriction", data=hidden | {"told_at": _TOLD[:10], "requests": requests})
        assert sent.status_code == status, sent.text
        assert ('id="wrong-requests"' in sent.text) is (status == 422)
    assert not tenant.get(restricted)["flags"]["restricted"]

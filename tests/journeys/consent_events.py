"""Telling the vault of a call, and of what its caller was told or answered, over the REST interface."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.tenant import Tenant, moment
from vault.simulator.call import CUSTOMER, LINE


def begin(tenant: Tenant, *, call: str = "call-1", ended: bool = True, **places: str) -> datetime:
    """Tell of an inbound call of half a minute, between two numbers of California; return its beginning."""
    began = datetime.now(UTC) - timedelta(seconds=30)
    said = {"direction": "inbound", "from": CUSTOMER, "to": LINE, "started_at": moment(began)} | places
    if ended:
        said["ended_at"] = moment(began + timedelta(seconds=30))
    assert tenant.http.put(tenant.url(f"/calls/{call}"), json=said).status_code == 200
    return began


def tell(tenant: Tenant, event: str, at: datetime, *, call: str = "call-1", **said: Any) -> httpx.Response:
    """Tell what the caller was told or answered."""
    body = {"party": "caller", "event": event, "method": "form", "at": moment(at)} | said
    return tenant.http.post(tenant.url(f"/calls/{call}/consent"), json=body)

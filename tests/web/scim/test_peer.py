"""A peer that is written from the RFCs alone, scim2-tester, checks the whole of SCIM here and finds nothing wrong."""

from typing import Any

import httpx
from scim2_client.client import BaseSyncSCIMClient
from scim2_tester import Status, check_server

from tests.support.scim_client import Directory
from tests.support.tenant import Tenant

#: Fewer would be run only if the peer found less to check.
LEAST = 60


class Peer(BaseSyncSCIMClient):
    """The peer's client, over the vault's own HTTP."""

    def __init__(self, directory: Directory) -> None:
        """Call as a directory."""
        super().__init__()
        self.directory = directory

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send a request."""
        headers = {**self.directory.headers, **dict(more.pop("headers", None) or {})}
        path = f"{self.directory.base}/{url.lstrip('/')}"
        return self.directory.tenant.http.request(method, path, headers=headers, **more)

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return "://" not in endpoint

    def _parse_json(self, response: Any) -> Any:
        return response.json()


def test_a_peer_finds_nothing_wrong(tenant: Tenant):
    """Discovery, users and groups: made, read, filtered, replaced, patched and deleted."""
    results = check_server(Peer(Directory(tenant)))
    wrong = [
        f"{one.title} {one.status.name}: {one.reason}"
        for one in results
        if one.status not in {Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE, Status.SKIPPED}
    ]
    print([(s.name, sum(one.status is s for one in results)) for s in Status])
    assert wrong == []
    assert len([one for one in results if one.status is Status.SUCCESS]) >= LEAST

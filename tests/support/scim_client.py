"""A company's directory, as it calls SCIM."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.tenant import Tenant

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
CONNECTION = {
    "issuer": "https://idp.example",
    "client_id": "vault",
    "client_secret": "s",
    "roles": [{"value": "quality", "role": "listener"}, {"value": "privacy", "role": "privacy"}],
}


class Directory:
    """A client with a token of an account."""

    def __init__(self, tenant: Tenant, **setting: Any) -> None:
        """Connect the account to a provider, provision it and make a token."""
        self.tenant = tenant
        made = tenant.http.put(tenant.url("/sign-in-connections/main"), json=CONNECTION)
        assert made.status_code == 200, made.text
        self.connection_id = made.json()["id"]
        put = tenant.http.put(tenant.url("/provisioning"), json={"connection": "main", **setting})
        assert put.status_code == 200, put.text
        self.base = httpx.URL(put.json()["base_url"]).path
        issued = tenant.http.post(tenant.url("/provisioning/tokens"))
        assert issued.status_code == 201, issued.text
        self.token_id, self.token = issued.json()["id"], issued.json()["token"]
        self.headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"}

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        """Send a request; every answer is SCIM's."""
        http = self.tenant.http
        answer = http.request(method, self.base + path, json=body, params=query or None, headers=self.headers)
        if answer.content:
            assert answer.headers["content-type"] == "application/scim+json", answer.text
        return answer

    def user(self, login: str = "ada", **more: Any) -> dict[str, Any]:
        """Add a user."""
        made = self.send("POST", "/Users", user(login, **more))
        assert made.status_code == 201, made.text
        assert made.headers["location"].endswith(f"{self.base}/Users/{made.json()['id']}")
        return dict(made.json())

    def group(self, name: str = "quality", *members: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Add a group."""
        listed = [{"value": one["id"], "display": one["userName"]} for one in members]
        body = {"schemas": [GROUP], "displayName": name, "members": listed, **more}
        made = self.send("POST", "/Groups", body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def patch(self, path: str, *operations: Mapping[str, Any]) -> httpx.Response:
        """Change a resource."""
        return self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def patched(self, path: str, *operations: Mapping[str, Any]) -> dict[str, Any]:
        """Change a resource, and return it."""
        answer = self.patch(path, *operations)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def refused(self, answer: httpx.Response, status: int, scim_type: str | None = None) -> str:
        """Check the error of an answer; return its sentence."""
        error = answer.json()
        assert answer.status_code == status, answer.text
        assert error["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert (error["status"], error.get("scimType")) == (str(status), scim_type)
        return str(error["detail"])


def user(login: str = "ada", **more: Any) -> dict[str, Any]:
    """Return a body of a user."""
    return {"schemas": [USER], "userName": f"{login}@acme.example", "externalId": f"00u-{login}", **more}

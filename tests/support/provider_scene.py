"""An account that is connected to a sign-in provider on loopback, and browsers that sign in there."""

from dataclasses import dataclass

import httpx

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.provider_lies import CLIENT, SECRET
from tests.support.console import OWN
from tests.support.tenant import Tenant
from tests.support.web_house import House

ROLES = [{"value": "staff", "role": "listener"}, {"value": "boss", "role": "admin"}]


@dataclass
class Scene:
    """An app that may ask a provider on loopback, and an account that is connected to it."""

    house: House
    provider: IdentityProvider
    tenant: Tenant
    connection: dict[str, str]

    def browser(self) -> httpx.Client:
        """Return a new browser."""
        return self.house.client(OWN)

    def begin(self, browser: httpx.Client, **query: str) -> dict[str, str]:
        """Open the sign-in address, and sign in at the provider; return the query with which one comes back."""
        went = browser.get(self.connection["sign_in_url"], params=query)
        assert went.status_code == 303, went.text
        assert went.headers["location"].startswith(f"{self.provider.issuer}/auth?")
        return self.provider.authorize(went.headers["location"])

    def sign_in(self, browser: httpx.Client, **query: str) -> httpx.Response:
        """Sign in."""
        return browser.get(self.connection["redirect_uri"], params=self.begin(browser, **query))

    def put(self, name: str = "main", **more: object) -> dict[str, str]:
        """Set a connection."""
        body = {"issuer": self.provider.issuer, "client_id": CLIENT, "client_secret": SECRET, "roles": ROLES}
        made = self.house.admin.put(self.tenant.url(f"/sign-in-connections/{name}"), json=body | more)
        assert made.status_code == 200, made.text
        found: dict[str, str] = made.json()
        return found

    @property
    def home(self) -> str:
        """Return the path of the account's overview."""
        return f"/console/accounts/{self.tenant.name}"

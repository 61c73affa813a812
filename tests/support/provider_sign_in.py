"""A sign-in connection of an account, and the real provider behind it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from playwright.sync_api import Page

from tests.servers.oidc_provider_process import oidc_provider
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.database.transaction import Transaction
from vault.domain.approvals.rule import ApprovalRule

#: How the vault proves at the provider's token endpoint who it is.
WITH_SECRET = {"client_id": "callvault", "client_secret": "a secret of the test"}
WITH_KEY = {"client_id": "callvault", "client_authentication": "private_key_jwt"}


@contextmanager
def connected_provider(
    tenant: Tenant,
    port: int,
    role: str,
    names: Mapping[str, str] | None = None,
    said: Mapping[str, str] = WITH_SECRET,
) -> Iterator[dict[str, Any]]:
    """Serve a provider on loopback whose people have a role of the account; yield the sign-in connection.

    ``names`` are those of people by their login. The vault has to be permitted to ask ``127.0.0.1:port``.
    """
    body = {
        **said,
        "issuer": f"http://127.0.0.1:{port}",
        "scopes": ["openid", "profile", "groups"],
        "roles": [{"value": "staff", "role": role}],
    }
    made = tenant.http.put(tenant.url("/sign-in-connections/main"), json=body)
    assert made.status_code == 200, made.text
    connection: dict[str, Any] = made.json()
    client = {
        **({"jwks_uri": connection["jwks_uri"]} if said is WITH_KEY else said),
        "client_id": said["client_id"],
        "redirect_uri": connection["redirect_uri"],
        "backchannel_logout_uri": connection["back_channel_logout_uri"],
    }
    with oidc_provider(port, client, names):
        yield connection


def set_rule(house: House, tenant: Tenant, rule: ApprovalRule | None) -> ApprovalRule:
    """Set an account's rule, or switch it off: the provider was connected before there was one. Return that before."""

    def change(tx: Transaction) -> ApprovalRule:
        before = tx.approval_rules.get(tenant.id)
        tx.approval_rules.set(tenant.id, rule or replace(before, enabled=False))
        return before

    before: ApprovalRule = house.call(house.vault.database.write, change)
    return before


def sign_in_at_provider(page: Page, address: str, login: str) -> None:
    """Go to an address that leads to the provider, and fill its two forms."""
    page.goto(address)
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill("anything")
    page.locator("button[type=submit]").click()
    # The provider asks whether the vault may know who it is. Its page is another one: the form before has a button too.
    page.locator("form:has(input[name=prompt][value=consent]) button[type=submit]").click()

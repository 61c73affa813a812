"""Register the keys of customers who sign links, at the services and over HTTP."""

from datetime import timedelta
from typing import Any

from tests.support.link_minter import Minter, base64url
from tests.support.service_house import House
from tests.support.tenant import Tenant
from vault.services.playback.link_keys import LinkKeyRequest


def request(minter: Minter, challenge: str, **limits: Any) -> LinkKeyRequest:
    """Return what registers the key."""
    values: dict[str, Any] = {
        "public_key": minter.pem, "algorithm": minter.algorithm, "challenge": challenge,
        "proof": base64url(minter.sign(challenge.encode())), "max_life": timedelta(minutes=15), "max_sessions": 5,
        "kinds": ("player",), "networks": (), "download": False, "not_after": None,
    }  # fmt: skip
    return LinkKeyRequest(**values | limits)


async def registered(house: House, minter: Minter, name: str = "crm", **limits: Any) -> Minter:
    """Register a customer's key, and return the customer."""
    challenge, _ = await house.vault.playback.link_keys.challenge(house.account.id)
    wanted = request(minter, challenge, **limits)
    minter.key_id = (
        await house.vault.playback.link_keys.set(house.account.id, name, wanted, actor="key_test")
    ).id
    return minter


def register(tenant: Tenant, minter: Minter, name: str = "crm", **limits: Any) -> Minter:
    """Register a customer's key over HTTP, and return the customer."""
    challenge = tenant.http.post(tenant.url("/link-key-challenges")).json()["challenge"]
    body = minter.registration(challenge, **limits)
    answer = tenant.http.put(tenant.url(f"/link-keys/{name}"), json=body)
    assert answer.status_code == 200, answer.text
    minter.key_id = answer.json()["id"]
    minter.audience = str(tenant.http.base_url).rstrip("/")
    return minter

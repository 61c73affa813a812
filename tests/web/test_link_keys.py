"""Keys by which customers sign links: who may register one, and what is refused."""

import pytest

from tests.support.link_keys import register
from tests.support.link_minter import Minter, base64url
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = pytest.mark.faults


@pytest.fixture
def tenant(house: House) -> Tenant:
    """An account of its own."""
    return Tenant.open(house.admin)


def test_a_key_is_registered_by_its_owner_alone(tenant: Tenant):
    """Without a fresh signed challenge of this account, or with a weak key, it is refused, naming the field."""
    minter, stranger = Minter(), Minter()
    challenge = tenant.http.post(tenant.url("/link-key-challenges")).json()["challenge"]
    good = minter.registration(challenge)
    other = Tenant.open(tenant.http)
    weak = (
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        "-----END PUBLIC KEY-----\n"
    )
    signed = base64url(minter.sign(b"callvault"))
    for changed, field in (
        ({"proof": base64url(stranger.sign(challenge.encode()))}, "proof"), ({"proof": signed}, "proof"),
        ({"proof": "!"}, "proof"), ({"proof": "A"}, "proof"), ({"challenge": challenge + "0"}, "challenge"),
        ({"challenge": "x"}, "challenge"), ({"challenge": " "}, "challenge"), ({"challenge": "ab é"}, "challenge"),
        ({"public_key": weak}, "public_key"), ({"public_key": stranger.pem}, "proof"),
        ({"algorithm": "ES256"}, "public_key"), ({"networks": ["x"]}, "networks"), ({"max_life": 86_401}, "max_life"),
    ):  # fmt: skip
        answer = tenant.http.put(tenant.url("/link-keys/crm"), json=good | changed)
        assert answer.status_code in {400, 422}, (changed, answer.text)
        assert (
            answer.json()["errors"][0]["field"] == field
            if "errors" in answer.json()
            else field in answer.text
        )
    assert other.http.put(other.url("/link-keys/crm"), json=good).status_code in {400, 422}
    assert tenant.http.put(tenant.url("/link-keys/CRM!"), json=good).status_code in {400, 422}
    assert tenant.http.put(tenant.url("/link-keys/crm"), json=good).status_code == 200
    changed = tenant.http.put(tenant.url("/link-keys/crm"), json=good | {"max_life": 60}).json()
    assert changed["max_life"] == 60
    taken = tenant.http.put(tenant.url("/link-keys/crm"), json=stranger.registration(challenge))
    assert taken.status_code == 409
    for n in range(4):
        register(tenant, Minter(), f"k{n}")
    full = tenant.http.put(tenant.url("/link-keys/k5"), json=stranger.registration(challenge))
    assert full.status_code == 409
    assert len(tenant.http.get(tenant.url("/link-keys")).json()["items"]) == 5
    assert tenant.types().count("link_key.registered") == 5

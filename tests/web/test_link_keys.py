"""Keys by which customers sign links: who may register one, and what is refused."""

import time
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import update

from tests.support.link_keys import register
from tests.support.link_minter import Minter, base64url
from tests.support.tenant import Tenant, moment, open_link
from tests.support.web_house import AUDIO, House
from vault.database.schema.playback import link_keys

pytestmark = pytest.mark.faults


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
        ({"proof": base64url(minter.sign(f"{challenge}\n\n".encode()))}, "proof"),
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
    for life, end in ((60, "\n"), (61, "\r\n")):
        # As openssl signs a file that an editor wrote, and as a shell prints it.
        proof = {"proof": base64url(minter.sign(f"{challenge}{end}".encode())) + end}
        changed = tenant.http.put(tenant.url("/link-keys/crm"), json=good | proof | {"max_life": life})
        assert changed.json()["max_life"] == life, changed.text
    taken = tenant.http.put(tenant.url("/link-keys/crm"), json=stranger.registration(challenge))
    assert taken.status_code == 409
    for n in range(4):
        register(tenant, Minter(), f"k{n}")
    full = tenant.http.put(tenant.url("/link-keys/k5"), json=stranger.registration(challenge))
    assert full.status_code == 409
    assert len(tenant.http.get(tenant.url("/link-keys")).json()["items"]) == 5
    assert tenant.types().count("link_key.registered") == 5


def test_a_public_key_has_one_name(house: House, tenant: Tenant):
    """A second name is 409 and says the first; in another account it is free, and after a deletion again."""
    minter, other = Minter(), Tenant.open(house.admin)
    register(tenant, minter, "crm")

    def again(account: Tenant, name: str) -> httpx.Response:
        challenge = account.http.post(account.url("/link-key-challenges")).json()["challenge"]
        return account.http.put(account.url(f"/link-keys/{name}"), json=minter.registration(challenge))

    refused = again(tenant, "backup")
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["known_public_key"])
    assert " crm." in refused.json()["detail"]
    assert again(tenant, "crm").status_code == 200
    assert again(other, "crm").status_code == 200
    assert tenant.http.delete(tenant.url("/link-keys/crm")).is_success
    assert again(tenant, "backup").status_code == 200


def test_a_deletion_ends_what_the_private_key_signs(house: House, tenant: Tenant):
    """Also under another name, which an earlier release took; a cut of one is a cut of both."""
    minter, twin, recording = Minter(), Minter(), tenant.uploaded(AUDIO)
    register(tenant, minter, "crm")
    register(tenant, twin, "net")
    rows = house.call(house.vault.database.read, lambda tx: tx.link_keys.of_account(tenant.id))
    same = update(link_keys).where(link_keys.c.id == twin.key_id).values(public_key=rows[0].public_key)
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(same) and None)
    twin.private = minter.private

    def opens(**claims: object) -> int:
        return open_link(house.client(), f"/p/{twin.token(recording, **claims)}", nonce="n").status_code

    assert opens() == 303
    long_ago = int(time.time()) - 5
    assert opens(iat=long_ago) == 303
    # With a time: without one, links of the next minute are refused too.
    cut = {"key": "crm", "minted_before": moment(datetime.now(UTC))}
    assert tenant.http.post(tenant.url("/link-cuts"), json=cut).status_code == 201
    assert opens(iat=long_ago) == 404
    assert opens(iat=int(time.time()) + 30) == 303
    assert tenant.http.delete(tenant.url("/link-keys/crm")).is_success
    assert opens(iat=int(time.time()) + 30) == 404
    assert tenant.http.get(tenant.url("/link-keys")).json()["items"] == []
    assert tenant.types().count("link_key.deleted") == 2

"""Signatures that anybody can verify: by each library of Ed25519, through rotations, a restore, and an end."""

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tests.fakes.outside import Posted
from tests.servers.required import require
from tests.services.events.receiving import ME, A, available, endpoint, told
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.events.endpoint import (
    MAX_PUBLIC_KEYS,
    EndpointSecrets,
    PublicKey,
    StoredEndpoint,
    public_keys_after,
)
from vault.domain.outbox.signature import new_private_key, public_key_of, signed_headers
from vault.errors import NotFound
from vault.services.events.endpoints import EndpointChange
from vault.thread_pools import Threads

Verify = Callable[[bytes, bytes, bytes], bool]
NOW = datetime(2026, 2, 3, 10, tzinfo=UTC)
_NODE = """
const { key, signed, signature } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(key, "base64")]);
const publicKey = require("crypto").createPublicKey({ key: der, format: "der", type: "spki" });
const good = require("crypto").verify(null, Buffer.from(signed, "base64"), publicKey, Buffer.from(signature, "base64"));
process.stdout.write(String(good));
"""


def by_cryptography(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify with OpenSSL, by the library that signs."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def by_libsodium(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify with libsodium."""
    try:
        VerifyKey(key).verify(signed, signature)
    except BadSignatureError:
        return False
    return True


def by_node(key: bytes, signed: bytes, signature: bytes) -> bool:
    """Verify with the library of JavaScript: that of Standard Webhooks has no v1a."""
    require("node", install="apt-get install nodejs")
    said = {"key": key, "signed": signed, "signature": signature}
    text = json.dumps({name: base64.b64encode(value).decode() for name, value in said.items()})
    done = subprocess.run(
        ["node", "-e", _NODE], input=text, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout == "true"


def verified_by(key: str, headers: Mapping[str, str], body: bytes, verify: Verify = by_libsodium) -> bool:
    """Return whether one of the signatures v1a is by this public key, as the standard says."""
    prefix, _, encoded = key.partition("_")
    assert prefix == "whpk"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    signatures = [one.partition(",")[2] for one in headers["webhook-signature"].split() if one[:4] == "v1a,"]
    return any(verify(base64.b64decode(encoded), signed, base64.b64decode(one)) for one in signatures)


def count(sent: Posted, version: str) -> int:
    """Return how many signatures of a version a message has."""
    return [one.partition(",")[0] for one in sent.headers["webhook-signature"].split()].count(version)


@pytest.mark.parametrize("verify", [by_cryptography, by_libsodium, by_node])
def test_anybody_verifies(verify: Verify):
    """What was changed is refused, and so is another key."""
    private, body = new_private_key(), b'{"type": "recording.available"}'
    headers = signed_headers([private], "evt_1", body, at=NOW)
    key = public_key_of(private)
    assert verified_by(key, headers, body, verify)
    assert not verified_by(key, headers, body + b" ", verify)
    assert not verified_by(key, {**headers, "webhook-id": "evt_2"}, body, verify)
    assert not verified_by(key, {**headers, "webhook-timestamp": "1"}, body, verify)
    assert not verified_by(public_key_of(new_private_key()), headers, body, verify)


def test_a_private_key_has_the_form_of_the_standard():
    """``whsk_`` and the seed with the public key, ``whpk_`` and the public key."""
    private = new_private_key()
    pair = base64.b64decode(private.removeprefix("whsk_"), validate=True)
    assert (len(pair), pair[32:]) == (64, base64.b64decode(public_key_of(private).removeprefix("whpk_")))


async def test_both_keys_sign_during_the_grace(either: House):
    """And afterwards the new one alone; the published keys say which was valid when."""
    made = await endpoint(either, ed25519=True)
    name, first = made.view.endpoint.id, made.view.endpoint.public_key
    rotated = await either.vault.events.endpoints.rotate(either.account.id, name, timedelta(hours=1), **ME)
    second = rotated.view.endpoint.public_key
    await available(either, "in grace")
    await told(either)
    again = await either.vault.events.endpoints.rotate(either.account.id, name, timedelta(0), **ME)
    third = again.view.endpoint.public_key
    await available(either, "after it")
    await told(either)
    assert first is not None
    assert second is not None
    assert third is not None
    in_grace, after = either.outside.sent
    good = [
        [verified_by(key, one.headers, one.body) for key in (first, second, third)]
        for one in (in_grace, after)
    ]
    assert good == [[True, True, False], [False, False, True]]
    assert [(count(one, "v1"), count(one, "v1a")) for one in (in_grace, after)] == [(2, 2), (1, 1)]
    keys = await either.vault.events.endpoints.public_keys(name)
    assert [one.key for one in keys] == [first, second, third]
    ends = [one.until for one in keys]
    assert ends[2] is None
    assert ends[0] == ends[1] == keys[2].since


async def test_without_it_nothing_changes(either: House):
    """One signature; there is nothing to publish, of a strange id neither."""
    made = await endpoint(either)
    await available(either)
    await told(either)
    assert [(count(one, "v1"), count(one, "v1a")) for one in either.outside.sent] == [(1, 0)]
    assert made.view.endpoint.public_key is None
    for name in (made.view.endpoint.id, "ep_strange"):
        with pytest.raises(NotFound):
            await either.vault.events.endpoints.public_keys(name)


async def test_it_is_begun_and_ended_by_a_change(either: House):
    """Another change leaves the key; one that ended is still published, and a new one is another key."""
    made = await endpoint(either)
    endpoints, mine = either.vault.events.endpoints, (either.account.id, made.view.endpoint.id)
    begun = await endpoints.change(*mine, EndpointChange(ed25519=True), **ME)
    same = await endpoints.change(*mine, EndpointChange(description="CRM", ed25519=True), **ME)
    assert same.endpoint.public_keys == begun.endpoint.public_keys
    ended = await endpoints.change(*mine, EndpointChange(ed25519=False), **ME)
    assert ended.endpoint.public_key is None
    await available(either)
    await told(either)
    assert count(either.outside.sent[-1], "v1a") == 0
    assert (await endpoints.public_keys(mine[1]))[0].until == ended.endpoint.changed_at
    new = await endpoints.change(*mine, EndpointChange(ed25519=True), **ME)
    assert new.endpoint.public_key not in {None, begun.endpoint.public_key}
    await endpoints.delete(*mine, **ME)
    with pytest.raises(NotFound):
        await endpoints.public_keys(mine[1])


async def test_a_restore_brings_the_keys(either: House, tmp_path: Path, threads: Threads):
    """The private one, which goes on, and all that are published."""
    made = await endpoint(either, ed25519=True)
    name = made.view.endpoint.id
    rotated = await either.vault.events.endpoints.rotate(either.account.id, name, timedelta(0), **ME)
    published = await either.vault.events.endpoints.public_keys(name)
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        assert await late.vault.events.endpoints.public_keys(name) == published
        await told(late)
        sent = len(late.outside.sent)
        await late.vault.accounts.switch.set(late.account.id, enabled=False, reason="r", **ME)
        await told(late)
        key = rotated.view.endpoint.public_key
        assert key is not None
        assert [one.url for one in late.outside.sent[sent:]] == [A]
        assert verified_by(key, late.outside.sent[-1].headers, late.outside.sent[-1].body)


async def test_a_private_key_lies_nowhere_in_clear(house: House):
    """Neither in the database nor in what is printed."""
    made = await endpoint(house, ed25519=True)
    stored = made.view.endpoint
    words = await house.vault.events.endpoints.data_keys.open_words(
        stored.account_id, "event-endpoint", stored.sealed
    )
    private = json.loads(words or "")["private_key"]
    assert public_key_of(private) == stored.public_key
    files = b"".join(path.read_bytes() for path in house.database.path.parent.glob("vault.db*"))
    assert private.encode() not in files
    assert private not in repr(made)


def test_former_keys_sign_until_the_grace_is_over():
    """Both, the secret and the private key, and not a moment longer."""
    stored = StoredEndpoint(
        id="ep_1", account_id="acct_1", types=("*",), sealed="", created_at=NOW, changed_at=NOW, changed_by="key_1",
        grace_until=NOW,
    )  # fmt: skip
    words = EndpointSecrets(
        url="", description="", secret="new", former="old", private_key="own", former_private_key="older"
    )
    assert words.signing(stored, NOW - timedelta(microseconds=1)) == ["new", "old", "own", "older"]
    assert words.signing(stored, NOW) == ["new", "own"]


def test_old_keys_are_forgotten_some_day():
    """After twenty; the newest stay."""
    keys: tuple[PublicKey, ...] = ()
    for number in range(MAX_PUBLIC_KEYS + 5):
        keys = public_keys_after(keys, f"whpk_{number}", now=NOW, until=NOW)
    assert [one.key for one in keys] == [f"whpk_{number}" for number in range(5, MAX_PUBLIC_KEYS + 5)]

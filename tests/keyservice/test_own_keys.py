"""Accounts' own keys: wrapped twice, believed only under the root key, and each with its own trouble."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.own_keys import ARN, FakeOwnKeys
from tests.fakes.root_key import FakeRootKey
from tests.servers.key_faults import KeyProxy, hangs, key_proxy, kms_says
from vault.errors import Invalid, OwnKeyUnusable, Refused, StartRefused, Tampered, Unavailable
from vault.keyservice import aws_kms
from vault.keyservice.key_ring import AccountKeyRing, wrapping_context
from vault.keyservice.location import open_own_keys
from vault.keyservice.own_keys import LABEL, Wrapping, read_wrapping, write_wrapping
from vault.thread_pools import Threads

MINE, ANOTHER = f"{ARN}mine", f"{ARN}another"


def ring(root: FakeRootKey, own_keys: FakeOwnKeys | None) -> AccountKeyRing:
    return AccountKeyRing(root, None, own_keys=own_keys)  # type: ignore[arg-type]


async def test_it_takes_both_keys_to_open_an_account_key() -> None:
    """The own key has wrapped the secret, and the root key has wrapped that with the own key's name."""
    root, own = FakeRootKey(), FakeOwnKeys()
    made, wrapped = await ring(root, own).create("acct_1", own_key=MINE)
    assert made.own_key == MINE
    ((inner, context),) = root.wrapped.values()
    assert made.key.secret not in inner
    assert context == wrapping_context("acct_1", 1)
    ticket = read_wrapping(inner).secret
    assert own.keys[MINE].wrapped[ticket] == (made.key.secret, context)
    opened = await ring(root, own).unwrap("acct_1", 1, wrapped)
    assert (opened.key, opened.own_key) == (made.key, MINE)
    for broken in (root, own.keys[MINE]):
        broken.reachable = False
        with pytest.raises(Unavailable):
            await ring(root, own).unwrap("acct_1", 1, wrapped)
        broken.reachable = True


async def test_without_an_own_key_nothing_is_different() -> None:
    """The root key wraps the 32 bytes themselves, as in vaults that know nothing of own keys."""
    root = FakeRootKey()
    made, wrapped = await ring(root, None).create("acct_1")
    assert root.wrapped[wrapped][0] == made.key.secret
    assert (await ring(root, None).unwrap("acct_1", 1, wrapped)).own_key is None


async def test_what_the_root_key_did_not_wrap_is_not_believed() -> None:
    """Anyone who can write rows and has a key in KMS cannot give an account a key that they know."""
    root, own = FakeRootKey(), FakeOwnKeys()
    context = wrapping_context("acct_1", 1)
    theirs = await own.keys[ANOTHER].wrap(b"k" * 32, context)
    for forged in (theirs, write_wrapping(Wrapping(secret=theirs, own_key=ANOTHER))):
        with pytest.raises(Tampered):
            await ring(root, own).unwrap("acct_1", 1, forged)
    # Nor is one account's own key taken for another's: the context is bound by both keys.
    _, wrapped = await ring(root, own).create("acct_1", own_key=MINE)
    with pytest.raises(Tampered):
        await ring(root, own).unwrap("acct_2", 1, wrapped)


async def test_trouble_of_an_own_key_says_whose_it_is() -> None:
    """Opening is 503 and says that it is the account's own; choosing such a key is refused."""
    root, own = FakeRootKey(), FakeOwnKeys()
    _, wrapped = await ring(root, own).create("acct_1", own_key=MINE)
    own.keys[MINE].reachable, own.keys[MINE].reason = False, "The key is disabled in the key service."
    with pytest.raises(OwnKeyUnusable, match=r"own key cannot be used. The key is disabled"):
        await ring(root, own).unwrap("acct_1", 1, wrapped)
    with pytest.raises(OwnKeyUnusable, match="VAULT_OWN_KEYS_URL"):
        await ring(root, None).unwrap("acct_1", 1, wrapped)
    with pytest.raises(Refused, match="is disabled"):
        await ring(root, own).create("acct_1", own_key=MINE)
    with pytest.raises(Refused, match="VAULT_OWN_KEYS_URL"):
        await ring(root, None).create("acct_1", own_key=MINE)
    with pytest.raises(Invalid):
        await ring(root, own).create("acct_1", own_key="alias/mine")


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: LABEL + tail))
def test_anything_else_under_the_root_key_is_tampered(data: bytes) -> None:
    """What is read is 32 bytes, or comes from ``write_wrapping``; never another error."""
    try:
        read = read_wrapping(data)
    except Tampered:
        return
    assert write_wrapping(read) == data


@pytest.mark.parametrize(
    "url",
    [
        "aws-kms",
        "aws-kms://key",
        "kms://",
        "aws-kms://?region=x",
        "aws-kms://?endpoint_url=ftp://x",
        "file:///x",
    ],
)
def test_a_setting_that_cannot_be_meant_refuses_to_start(url: str, threads: Threads) -> None:
    """It names the variable and shows an example."""
    with pytest.raises(StartRefused, match=r"VAULT_OWN_KEYS_URL|endpoint_url"):
        open_own_keys(url, threads)


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads("own", 4)
    yield made
    made.close()


@pytest.fixture
def proxy(moto_url: str) -> Iterator[KeyProxy]:
    with key_proxy(moto_url) as running:
        yield running


async def test_two_keys_of_kms_fail_by_themselves(moto_url: str, proxy: KeyProxy, threads: Threads) -> None:
    """On moto's KMS: what one account's key does not open says so, and another's goes on beside it."""
    client = aws_kms.connect(endpoint_url=moto_url, region="us-east-1", connections=1)
    mine, another = (client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    client.close()
    own = open_own_keys(f"aws-kms://?endpoint_url=http://{proxy.host}", threads)
    root = FakeRootKey()
    keys = AccountKeyRing(root, None, own_keys=own)  # type: ignore[arg-type]
    made = {arn: await keys.create("acct_1", own_key=arn) for arn in (mine, another)}
    for arn, (key, wrapped) in made.items():
        opened = await keys.unwrap("acct_1", 1, wrapped)
        assert (opened.key, opened.own_key) == (key.key, arn)
    proxy.fault = lambda asked: (
        kms_says("DisabledException")(asked) if mine.encode() in asked.body else asked.forward()
    )
    for _ in range(4):
        with pytest.raises(OwnKeyUnusable, match="is disabled"):
            await keys.unwrap("acct_1", 1, made[mine][1])
        assert (await keys.unwrap("acct_1", 1, made[another][1])).key == made[another][0].key
    assert (await own.named(mine)).state == "open"
    assert (await own.named(another)).state == "closed"
    proxy.fault = None
    await own.close()


async def test_a_key_that_hangs_holds_one_thread(moto_url: str, proxy: KeyProxy, threads: Threads) -> None:
    """Many ask for it concurrently; those who ask for another key do not wait for them."""
    client = aws_kms.connect(endpoint_url=moto_url, region="us-east-1", connections=1)
    mine, another = (client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    client.close()
    own = open_own_keys(f"aws-kms://?endpoint_url=http://{proxy.host}", threads)
    keys = AccountKeyRing(FakeRootKey(), None, own_keys=own)  # type: ignore[arg-type]
    made = {arn: await keys.create("acct_1", own_key=arn) for arn in (mine, another)}
    proxy.fault = lambda asked: hangs(asked) if mine.encode() in asked.body else asked.forward()
    stuck = [asyncio.create_task(keys.unwrap("acct_1", 1, made[mine][1])) for _ in range(16)]
    await asyncio.sleep(0.2)
    opened = await keys.unwrap("acct_1", 1, made[another][1])
    assert opened.key == made[another][0].key
    assert not any(one.done() for one in stuck)
    proxy.ended.set()
    answers = await asyncio.gather(*stuck, return_exceptions=True)
    assert all(isinstance(one, OwnKeyUnusable) for one in answers)
    await own.close()

"""OpenBao as a root key, before a server that answers as a broken, busy or hostile one does."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.key_faults import (
    Fault,
    KeyProxy,
    another_secret,
    bao_says,
    drops,
    hangs,
    key_proxy,
    once,
    says,
    slowly,
)
from tests.servers.openbao import OpenBao
from tests.support.raw_client import PATIENCE
from vault.errors import Tampered, Unavailable
from vault.keyservice import openbao as adapter
from vault.keyservice.location import open_root_key
from vault.keyservice.root_keys import Breaker
from vault.thread_pools import Threads

CONTEXT = {"account_id": "acc_1", "purpose": "account-key"}
SECRET = bytes(range(32))


@pytest.fixture
def proxy(openbao: OpenBao) -> Iterator[KeyProxy]:
    """A proxy in front of OpenBao."""
    with key_proxy(f"https://{openbao.host}", openbao.ca) as proxy:
        yield proxy


@asynccontextmanager
async def through(proxy: KeyProxy, openbao: OpenBao, *, failures: int = 99) -> AsyncIterator[Breaker]:
    """Open a key through the proxy, behind a breaker that stays closed."""
    threads = Threads("test", 2)
    url = openbao.url_of(openbao.new_key()).replace(openbao.host, proxy.host)
    root = open_root_key(url.replace("?", "?tls=off&"), threads)
    guarded = Breaker(root.root, failures=failures)
    try:
        yield guarded
    finally:
        await root.close()
        threads.close()


def an_answer(**data: object) -> Fault:
    """Answer 200 with this data."""
    return says(200, json.dumps({"data": data}).encode())


#: For each way to fail: what is reported about it, and how often the vault asks.
async def read_by(proxy: KeyProxy, count: int) -> None:
    """Check how many requests came, also those that the proxy reads after the client has given up."""
    deadline = time.monotonic() + PATIENCE
    while len(proxy.bodies) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert len(proxy.bodies) == count


FAILURES: dict[str, tuple[Fault, str, int]] = {
    "dropped": (drops, "does not answer", 2),
    "hanging": (hangs, "does not answer", 2),
    "slow": (slowly(5), "does not answer", 2),
    "sealed": (bao_says(503, "Vault is sealed"), "is sealed", 2),
    "broken": (bao_says(500, "internal error"), "(500)", 2),
    "bad gateway": (says(502, b"<html>bad gateway</html>"), "(502)", 2),
    "throttled": (bao_says(429, "request path: rate limit quota exceeded"), "throttles the vault", 1),
    "denied": (bao_says(403, "permission denied"), "does not let the vault use", 1),
    "unknown": (bao_says(404, "no handler for route"), "does not know", 1),
    "a refusal of tomorrow": (bao_says(400, "something new"), "(400)", 1),
    "redirected": (says(307, b""), "(307)", 1),
    "empty": (says(200, b""), "does not understand", 1),
    "a page": (says(200, b"<html>log in to the network</html>"), "does not understand", 1),
    "a list": (says(200, b"[]"), "does not understand", 1),
    "no data": (says(200, b'{"data": null}'), "does not understand", 1),
    "no text": (an_answer(ciphertext=7, plaintext=7), "does not understand", 1),
    "no base64": (an_answer(ciphertext="vault:v0:AAAA", plaintext="hunter2!"), "does not understand", 1),
    "endless": (says(200, b" " * 70_000), "does not understand", 1),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_an_answer_that_is_none_is_an_outage(
    proxy: KeyProxy, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever else than an answer comes is Unavailable, tried again only where that can help."""
    fault, words, asked = FAILURES[name]
    async with through(proxy, openbao) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
        if name in {"hanging", "slow"}:
            monkeypatch.setattr(adapter, "TIMEOUT", 0.5)
        proxy.fault = fault
        for call in (root.wrap(SECRET, CONTEXT), root.unwrap(wrapped, CONTEXT)):
            proxy.bodies.clear()
            with pytest.raises(Unavailable) as failed:
                await call
            assert words in str(failed.value)
            await read_by(proxy, asked)
            assert "hunter2" not in str(failed.value)
            assert failed.value.__cause__ is None
        proxy.fault = None
        monkeypatch.undo()
        assert await root.unwrap(wrapped, CONTEXT) == SECRET


@pytest.mark.parametrize(
    "fault",
    [drops, bao_says(503, "Vault is sealed"), says(502, b"")],
    ids=["dropped", "sealed", "bad gateway"],
)
async def test_one_failure_is_not_to_be_seen(proxy: KeyProxy, openbao: OpenBao, fault: Fault) -> None:
    """A request that fails once is answered by the second try, and the breaker hears nothing of it."""
    async with through(proxy, openbao, failures=1) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
        proxy.fault = once(fault)
        assert await root.unwrap(wrapped, CONTEXT) == SECRET
        assert root.state == "closed"


async def test_another_keys_bytes_are_never_used(proxy: KeyProxy, openbao: OpenBao) -> None:
    """An answer with bytes that were never wrapped is Tampered: in opening, and before anything is kept."""
    async with through(proxy, openbao) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
        proxy.fault = another_secret
        with pytest.raises(Tampered):
            await root.unwrap(wrapped, CONTEXT)
        with pytest.raises(Tampered):
            await root.wrap(SECRET, CONTEXT)


async def test_what_is_sent_is_the_secret_and_its_context(proxy: KeyProxy, openbao: OpenBao) -> None:
    """The body has the secret with its check, and the context in its one spelling; nothing else."""
    async with through(proxy, openbao) as root:
        proxy.bodies.clear()
        wrapped = await root.wrap(SECRET, dict(reversed(CONTEXT.items())))
    encrypt, decrypt = map(json.loads, proxy.bodies)
    associated = base64.b64encode(b'{"account_id":"acc_1","purpose":"account-key"}').decode()
    assert encrypt.keys() == {"plaintext", "associated_data"}
    assert base64.b64decode(encrypt["plaintext"])[:-16] == SECRET
    assert encrypt["associated_data"] == associated
    assert decrypt == {"ciphertext": wrapped.decode(), "associated_data": associated}

"""OpenBao as a root key: on a real server, what each of its refusals becomes, and what is kept."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.servers.openbao import OpenBao
from vault.errors import StartRefused, Tampered, Unavailable
from vault.keyservice.location import TOKEN_VARIABLE, open_root_key
from vault.keyservice.root_keys import Breaker
from vault.thread_pools import Threads

CONTEXT = {"account_id": "acc_1", "key_version": "1", "purpose": "account-key"}
SECRET = bytes(range(32))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Breaker]:
    """Open a root key to the end of the block."""
    threads = Threads("test", 2)
    root = open_root_key(url, threads)
    try:
        yield root
    finally:
        await root.close()
        threads.close()


async def refusal(url: str, wrapped: bytes | None = None) -> str:
    """Return the reason for which a root key cannot be used now."""
    async with opened(url) as root:
        with pytest.raises(Unavailable) as refused:
            await (root.wrap(SECRET, CONTEXT) if wrapped is None else root.unwrap(wrapped, CONTEXT))
    return str(refused.value)


async def test_the_operator_can_open_by_hand_what_is_kept(openbao: OpenBao) -> None:
    """What is kept is transit's own text, and opens there with the context as JSON with sorted keys."""
    key = openbao.new_key()
    async with opened(openbao.url_of(key)) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
    assert wrapped.startswith(b"vault:v1:")
    said = json.dumps(CONTEXT, sort_keys=True, separators=(",", ":"))
    assert said == '{"account_id":"acc_1","key_version":"1","purpose":"account-key"}'
    assert openbao.decrypted(key, wrapped, said.encode())[:-16] == SECRET


async def test_after_a_rotation_old_and_new_open(openbao: OpenBao) -> None:
    """The newest version wraps, every older one opens, until the operator leaves it behind."""
    key = openbao.new_key()
    url = openbao.url_of(key)
    async with opened(url) as root:
        old = await root.wrap(SECRET, CONTEXT)
        openbao.rotate(key)
        new = await root.wrap(SECRET, CONTEXT)
        assert (old[:9], new[:9]) == (b"vault:v1:", b"vault:v2:")
        assert [await root.unwrap(one, CONTEXT) for one in (old, new)] == [SECRET] * 2
        with pytest.raises(Tampered):
            await root.unwrap(b"vault:v2:" + old[9:], CONTEXT)
        openbao.configure(key, min_decryption_version=2)
        assert await root.unwrap(new, CONTEXT) == SECRET
    assert "version that wrapped this is disabled" in await refusal(url, old)


@pytest.mark.parametrize(
    "change",
    [
        # Transit reads version 0 as 1, and base64 with other bits behind its end as the same bytes.
        lambda wrapped: wrapped.replace(b"v1", b"v0"),
        lambda wrapped: wrapped.replace(b"v1", b"v01"),
        lambda wrapped: wrapped + b"\n",
        lambda wrapped: wrapped.replace(b"vault", b"Vault"),
        lambda wrapped: wrapped.replace(b"v1", b"v2"),
        lambda wrapped: wrapped[:-2] + bytes([wrapped[-2] + 1]) + b"=",
        lambda wrapped: wrapped[:0],
        lambda wrapped: wrapped[:9],
        lambda wrapped: wrapped[:13],
        lambda wrapped: b"\xff" + wrapped,
    ],
)
async def test_one_spelling_alone_opens(openbao: OpenBao, change) -> None:
    """Every other spelling of the same wrapped key is Tampered, also where transit would open it."""
    async with opened(openbao.url_of(openbao.new_key())) as root:
        wrapped = await root.wrap(b"s" * 30, CONTEXT)
        # 12 + 46 + 16 bytes: two letters of base64 stand for the last one, with four bits to spare.
        assert wrapped.endswith(b"=")
        assert not wrapped.endswith(b"==")
        with pytest.raises(Tampered):
            await root.unwrap(change(wrapped), CONTEXT)


async def test_another_key_and_another_context_are_tampered(openbao: OpenBao) -> None:
    """Neither the wrong key nor the wrong context is taken for an outage."""
    async with opened(openbao.url_of(openbao.new_key())) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
        with pytest.raises(Tampered):
            await root.unwrap(wrapped, CONTEXT | {"account_id": "acc_2"})
    async with opened(openbao.url_of(openbao.new_key())) as other:
        for _ in range(4):
            with pytest.raises(Tampered):
                await other.unwrap(wrapped, CONTEXT)
        assert other.state == "closed"


async def test_a_key_that_is_not_there_is_not_made(openbao: OpenBao) -> None:
    """With the policy of the page, asking for a key that is missing makes none: transit would, if it could."""
    token = openbao.token_for("missing-key")
    assert "does not let" in await refusal(openbao.url_of("missing-key", token))
    assert "missing-key" not in openbao.names_of_keys()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda bao, key: bao.delete(key), "does not know the key"),
        (lambda bao, key: bao.delete(key, softly=True), "pending deletion"),
    ],
)
async def test_a_deleted_key_is_an_outage_and_never_replaced(openbao: OpenBao, harm, words: str) -> None:
    """Deleted for good or for now: what it wrapped is unavailable, and no other key stands in."""
    key = openbao.new_key()
    url = openbao.url_of(key)
    async with opened(url) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
    harm(openbao, key)
    assert words in await refusal(url, wrapped)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"derived": True}, "a derived key"),
        ({"type": "rsa-2048"}, "has the wrong type"),
    ],
)
async def test_a_key_that_cannot_bind_a_context_is_refused(
    openbao: OpenBao, settings: dict[str, object], words: str
) -> None:
    """A key that is derived, or of a type without associated data, wraps nothing."""
    assert words in await refusal(openbao.url_of(openbao.new_key(**settings)))


async def test_without_the_right_nothing_opens(openbao: OpenBao) -> None:
    """A token for another key, one that has ended, and one that never was are refused in the same words."""
    key = openbao.new_key()
    ended = openbao.token_for(key)
    openbao.revoke(ended)
    for token in (openbao.token_for(openbao.new_key()), ended, "s.never-was"):
        assert "does not let the vault use" in await refusal(openbao.url_of(key, token))


@pytest.mark.parametrize("unready", [b"", b"two\nlines\n", b"\xff"], ids=["empty", "lines", "binary"])
async def test_a_token_that_an_agent_replaces_is_taken_up(openbao: OpenBao, unready: bytes) -> None:
    """The file is read for every request: while it holds no token the vault waits, and then goes on."""
    key = openbao.new_key()
    url = openbao.url_of(key)
    write = Path(url.partition("token_file=")[2]).write_bytes
    async with opened(url) as root:
        wrapped = await root.wrap(SECRET, CONTEXT)
        write(unready)
        with pytest.raises(Unavailable, match="no credentials"):
            await root.unwrap(wrapped, CONTEXT)
        write(openbao.token_for(key).encode())
        assert await root.unwrap(wrapped, CONTEXT) == SECRET


async def test_the_token_of_the_environment_serves_too(
    openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without token_file the token is that of BAO_TOKEN; without both the vault does not start."""
    key = openbao.new_key()
    url = f"openbao://{openbao.host}/transit/{key}?ca={openbao.ca}"
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    threads = Threads("test", 1)
    with pytest.raises(StartRefused, match="has no token"):
        open_root_key(url, threads)
    threads.close()
    monkeypatch.setenv(TOKEN_VARIABLE, openbao.token_for(key))
    async with opened(url) as root:
        assert await root.unwrap(await root.wrap(SECRET, CONTEXT), CONTEXT) == SECRET


async def test_a_mount_that_is_not_there_is_told_apart_from_a_right(openbao: OpenBao) -> None:
    """A wrong mount is denied by the policy; for anyone who may ask there, it is not known."""
    key = openbao.new_key()
    url = openbao.url_of(key).replace("/transit/", "/elsewhere/")
    assert "does not let" in await refusal(url)
    everything = openbao.http.headers["X-Vault-Token"]
    assert "does not know" in await refusal(
        openbao.url_of(key, everything).replace("/transit/", "/elsewhere/")
    )


async def test_a_sealed_server_is_an_outage_that_ends_by_itself(openbao: OpenBao) -> None:
    """Sealed: unavailable, in words of its own; unsealed: the same root key goes on."""
    async with opened(openbao.url_of(openbao.new_key())) as root:
        root.circuit.pause = 0.0
        wrapped = await root.wrap(SECRET, CONTEXT)
        openbao.seal()
        try:
            for _ in range(4):
                with pytest.raises(Unavailable, match="sealed"):
                    await root.unwrap(wrapped, CONTEXT)
        finally:
            openbao.unseal()
        assert await root.unwrap(wrapped, CONTEXT) == SECRET
        assert root.state == "closed"


async def test_a_server_with_another_certificate_is_not_asked(openbao: OpenBao, tmp_path: Path) -> None:
    """Without ca= the server's own authority is not trusted: no request, and so no token, goes there."""
    url = openbao.url_of(openbao.new_key())
    assert "does not answer" in await refusal(url.replace(f"ca={openbao.ca}&", ""))
    threads = Threads("test", 1)
    for wrong in (tmp_path / "nothing.pem", tmp_path):
        with pytest.raises(StartRefused, match="file of authorities"):
            open_root_key(url.replace(str(openbao.ca), str(wrong)), threads)
    (tmp_path / "no.pem").write_text("no PEM")
    with pytest.raises(StartRefused, match="file of authorities"):
        open_root_key(url.replace(str(openbao.ca), str(tmp_path / "no.pem")), threads)
    threads.close()


async def test_a_key_below_a_namespace_is_asked_for_there(openbao: OpenBao) -> None:
    """With namespace= the same mount and name are another key."""
    key = openbao.new_key()
    namespace = openbao.new_namespace(key)
    root_token = openbao.http.headers["X-Vault-Token"]
    url = openbao.url_of(key, root_token)
    async with opened(url) as outside, opened(f"{url}&namespace={namespace}") as inside:
        wrapped = await inside.wrap(SECRET, CONTEXT)
        assert await inside.unwrap(wrapped, CONTEXT) == SECRET
        with pytest.raises(Tampered):
            await outside.unwrap(wrapped, CONTEXT)

"""Answers of a key service that are not what was asked for."""

from collections.abc import Mapping

import pytest

from tests.fakes.root_key import FakeRootKey
from vault.errors import Tampered, Unavailable
from vault.keyservice.root_keys import CheckedRootKey

ONE, OTHER = (
    {"account_id": "acc_1", "purpose": "account-key"},
    {"account_id": "acc_2", "purpose": "account-key"},
)


class Confused(FakeRootKey):
    """A key service behind something that may answer with what belongs to another request."""

    def __init__(self) -> None:
        super().__init__()
        self.wrapped_instead: bytes | None = None
        self.secret_instead: bytes | None = None

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap, or answer with what somebody else was to get."""
        wrapped = await super().wrap(secret, context)
        return wrapped if self.wrapped_instead is None else self.wrapped_instead

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap, or answer with what somebody else was to get."""
        secret = await super().unwrap(wrapped, context)
        return secret if self.secret_instead is None else self.secret_instead


async def test_the_secret_lies_before_sixteen_bytes_that_prove_it() -> None:
    """Anyone who opens it by hand finds the secret first; the same secret has another proof elsewhere."""
    root = FakeRootKey()
    checked = CheckedRootKey(root)
    inside = [root.wrapped[await checked.wrap(b"s" * 32, context)][0] for context in (ONE, OTHER)]
    assert [one[:-16] for one in inside] == [b"s" * 32] * 2
    assert inside[0][-16:] != inside[1][-16:]
    # SHA-256("callvault/root/v1" || 00 02 || 00 0a "account_id" 00 05 "acc_1" || ...) by hand, once.
    assert inside[0][-16:].hex() == "58454f7dd68554ba1e532ec096fc5cdf"


@pytest.mark.parametrize("other", [b"", b"t" * 32, b"t" * 48, bytes(48)])
async def test_another_secret_than_was_wrapped_is_tampered(other: bytes) -> None:
    """A key of the right length that is not the one wrapped is never used."""
    root = Confused()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    root.secret_instead = other
    with pytest.raises(Tampered):
        await checked.unwrap(wrapped, ONE)


async def test_the_secret_of_another_account_is_tampered() -> None:
    """Two answers that change places give nobody the key of somebody else."""
    root = Confused()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    theirs = await checked.wrap(b"t" * 32, OTHER)
    root.secret_instead = root.wrapped[theirs][0]
    with pytest.raises(Tampered):
        await checked.unwrap(wrapped, ONE)


async def test_what_does_not_open_is_not_kept() -> None:
    """A wrapped key of another context, or one that is not the secret's, never reaches a row."""
    root = Confused()
    checked = CheckedRootKey(root)
    for context in (ONE, OTHER):
        root.wrapped_instead = None
        root.wrapped_instead = await checked.wrap(b"t" * 32, context)
        with pytest.raises(Tampered):
            await checked.wrap(b"s" * 32, ONE)


async def test_an_outage_stays_an_outage() -> None:
    """Unavailable comes through as it is, in wrapping and in opening."""
    root = FakeRootKey()
    checked = CheckedRootKey(root)
    wrapped = await checked.wrap(b"s" * 32, ONE)
    root.reachable = False
    with pytest.raises(Unavailable):
        await checked.wrap(b"s" * 32, ONE)
    with pytest.raises(Unavailable):
        await checked.unwrap(wrapped, ONE)

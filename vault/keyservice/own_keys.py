"""An account's own key in AWS KMS: without it, nobody opens what the account has sealed, the operator included.

A version of such an account's key is wrapped twice: by the account's own key first, and what comes of that,
with the name of the key, by the root key (FORMAT.md). So whoever can write rows cannot put a key of theirs in the place
of the account's, and the account, which can disable its key, cannot do without the vault.

Each key has a circuit breaker and asks with one thread at a time: a key that hangs stands in no other account's way.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.errors import Invalid, Tampered, Unavailable
from vault.keyservice.breaker import Breaker
from vault.keyservice.checked import CheckedRootKey
from vault.sealing.keys import KEY_BYTES
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

#: Before the name of an own key, in what the root key wraps.
LABEL = b"callvault/own-key/v1\0"
NONE_TAKEN = (
    "This vault takes no keys of the accounts' own; its operator decides that with VAULT_OWN_KEYS_URL."
)
_EXAMPLE = (
    "The ARN of the key itself is asked for, not of an alias, "
    "such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab."
)
#: Keys that are remembered with the state of their breakers.
MAXIMUM = 1000
#: An alias could be pointed at another key, so only keys themselves are taken.
_ARN = re.compile(r"arn:aws[a-z-]{0,16}:kms:([a-z0-9-]{4,32}):[0-9]{12}:key/[A-Za-z0-9-]{1,64}")

#: Connects to KMS in a region.
Connect = Callable[[str], "KMSClient"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wrapping:
    """What lies under the root key: an account's key as it is, or as the account's own key wraps it."""

    secret: bytes
    #: The ARN of the account's own key; None where ``secret`` is the account's key itself.
    own_key: str | None


def write_wrapping(wrapping: Wrapping) -> bytes:
    """Write what the root key is to wrap."""
    if wrapping.own_key is None:
        return wrapping.secret
    return LABEL + wrapping.own_key.encode() + b"\0" + wrapping.secret


def read_wrapping(data: bytes) -> Wrapping:
    """Read what the root key has opened. Raises Tampered."""
    if len(data) == KEY_BYTES:
        return Wrapping(secret=data, own_key=None)
    name, end, secret = data.removeprefix(LABEL).partition(b"\0")
    own_key = name.decode("ascii", "replace")
    if not data.startswith(LABEL) or not end or not secret or _ARN.fullmatch(own_key) is None:
        raise Tampered("What the root key opens is no account key.")
    return Wrapping(secret=secret, own_key=own_key)


class OwnKmsKeys:
    """OwnKeys in AWS KMS; ``connect`` is None where the operator takes none."""

    def __init__(self, connect: Connect | None, threads: Threads) -> None:
        """Connect to a region when the first key there is used."""
        self.connect = connect
        self.threads = threads
        self._clients: dict[str, KMSClient] = {}
        self._connecting = asyncio.Lock()
        # Least recently used first.
        self._keys: OrderedDict[str, Breaker] = OrderedDict()

    async def named(self, own_key: str) -> Breaker:
        """Return the key that an ARN names. Raises Invalid, Unavailable."""
        if (found := _ARN.fullmatch(own_key)) is None:
            raise Invalid(_EXAMPLE, field="key")
        if own_key not in self._keys:
            from vault.keyservice.aws_kms import AwsKmsKey

            client = await self._client(found[1])
            root = CheckedRootKey(AwsKmsKey(client, own_key, self.threads))
            self._keys.setdefault(own_key, Breaker(root, at_once=1))
            while len(self._keys) > MAXIMUM:
                self._keys.popitem(last=False)
        self._keys.move_to_end(own_key)
        return self._keys[own_key]

    async def close(self) -> None:
        """Close the connections. The threads belong to whoever made them."""
        for client in self._clients.values():
            client.close()

    async def _client(self, region: str) -> "KMSClient":
        if (connect := self.connect) is None:
            raise Unavailable(NONE_TAKEN, retry_after=60, cause="keyservice")
        async with self._connecting:
            if region not in self._clients:
                self._clients[region] = await self.threads.run(connect, region)
            return self._clients[region]

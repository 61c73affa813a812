"""Customer-managed keys in AWS KMS: without its key, nobody can open an account's data, the operator included.

A version of such an account's key is wrapped twice: first by the account's own KMS key; then the result,
together with the ARN of that KMS key, by the root key (FORMAT.md). So a database writer cannot substitute a key,
and the account, which can disable its KMS key, cannot unwrap the account key without the vault.

Each KMS key has a circuit breaker and at most one call at a time, so one that hangs does not block other accounts.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.errors import Invalid, Tampered, Unavailable
from vault.keyservice.root_keys import Breaker, CheckedRootKey
from vault.sealing.keys import KEY_BYTES
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

#: Prefix of the plaintext that the root key wraps, before the ARN of an own key.
LABEL = b"callvault/own-key/v1\0"
NONE_TAKEN = "Customer-managed keys are not enabled; the operator can enable them with VAULT_OWN_KEYS_URL."
_EXAMPLE = (
    "key must be the ARN of a KMS key, not of an alias, "
    "such as arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab."
)
#: Max KMS keys in memory, each with its circuit breaker.
MAXIMUM = 1000
#: Key ARNs only: an alias could be changed to another key.
_ARN = re.compile(r"arn:aws[a-z-]{0,16}:kms:([a-z0-9-]{4,32}):[0-9]{12}:key/[A-Za-z0-9-]{1,64}")

#: Connects to KMS in a region.
Connect = Callable[[str], "KMSClient"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Wrapping:
    """The content that the root key wraps: an account key, in plaintext or wrapped by the account's own key."""

    secret: bytes
    #: The ARN of the account's own key; None where ``secret`` is the account's key itself.
    own_key: str | None


def write_wrapping(wrapping: Wrapping) -> bytes:
    """Serialise the content that the root key wraps."""
    if wrapping.own_key is None:
        return wrapping.secret
    return LABEL + wrapping.own_key.encode() + b"\0" + wrapping.secret


def read_wrapping(data: bytes) -> Wrapping:
    """Parse the content that the root key has unwrapped. Raises Tampered."""
    if len(data) == KEY_BYTES:
        return Wrapping(secret=data, own_key=None)
    name, end, secret = data.removeprefix(LABEL).partition(b"\0")
    own_key = name.decode("ascii", "replace")
    if not data.startswith(LABEL) or not end or not secret or _ARN.fullmatch(own_key) is None:
        raise Tampered("The content unwrapped by the root key is not an account key.")
    return Wrapping(secret=secret, own_key=own_key)


class OwnKmsKeys:
    """OwnKeys in AWS KMS; ``connect`` is None where the operator has not enabled them."""

    def __init__(self, connect: Connect | None, threads: Threads) -> None:
        """Store the arguments; a client for a region is created at the first use of a key there."""
        self.connect = connect
        self.threads = threads
        self._clients: dict[str, KMSClient] = {}
        self._connecting = asyncio.Lock()
        # Least recently used first.
        self._keys: OrderedDict[str, Breaker] = OrderedDict()

    async def named(self, own_key: str) -> Breaker:
        """Return the key with this ARN. Raises Invalid, Unavailable."""
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
        """Close the connections. The caller that created the threads closes them."""
        for client in self._clients.values():
            client.close()

    async def _client(self, region: str) -> "KMSClient":
        if (connect := self.connect) is None:
            raise Unavailable(NONE_TAKEN, retry_after=60, cause="keyservice")
        async with self._connecting:
            if region not in self._clients:
                self._clients[region] = await self.threads.run(connect, region)
            return self._clients[region]

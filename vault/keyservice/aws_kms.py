"""The root key in AWS KMS, or in a service with the same API: the key never leaves that service.

The context is KMS's encryption context: it is authenticated, and it appears in CloudTrail, so it holds
only the vault's own ids. Decryption requests name the key too; without that, KMS would use the key that
the ciphertext names, and so accept a key that an attacker chose.

When the key is disabled or denied, the vault can use only the account keys in the key ring, until those
entries expire. That is intended.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError

from vault import tracing
from vault.errors import Tampered, Unavailable, VaultError
from vault.keyservice import words
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

T = TypeVar("T")

#: Timeout in seconds for connecting, and for a response. A webhook waits for it at most twice (two attempts).
TIMEOUT = 3

#: KMS error codes that mean: these bytes were not wrapped by this key under this context.
_TAMPERED_CODES = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_MESSAGES = {
    "AccessDeniedException": words.NOT_ALLOWED,
    "DisabledException": words.DISABLED,
    "NotFoundException": words.NOT_KNOWN,
    "KMSInvalidStateException": words.NOT_USABLE,
    "KeyUnavailableException": words.OUT_OF_REACH,
    "ThrottlingException": words.TOO_BUSY,
    "LimitExceededException": words.TOO_BUSY,
}


class AwsKmsKey:
    """RootKey in KMS. ``key_id`` is a key id, ARN, alias (``alias/...``) or alias ARN."""

    def __init__(self, client: "KMSClient", key_id: str, threads: Threads) -> None:
        """Use ``client`` from all threads of ``threads``."""
        self.client = client
        self.key_id = key_id
        self.threads = threads

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt ``secret`` under the root key, bound to ``context``. Raises Unavailable."""
        answer = await self._call(
            lambda: self.client.encrypt(KeyId=self.key_id, Plaintext=secret, EncryptionContext=context)
        )
        return answer["CiphertextBlob"]

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt the output of ``wrap``.

        Raises Unavailable, and Tampered for another key, other bytes or another context.
        """
        answer = await self._call(
            lambda: self.client.decrypt(KeyId=self.key_id, CiphertextBlob=wrapped, EncryptionContext=context)
        )
        return answer["Plaintext"]

    async def close(self) -> None:
        """Close the client's connections. The caller that created the threads closes them."""
        self.client.close()

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            with tracing.span("kms", vault__call=tracing.call_of(function)):
                return await self.threads.run(function)
        except ClientError as error:
            raise _translated(str(error.response.get("Error", {}).get("Code", "unknown"))) from error
        except NoCredentialsError as error:
            raise Unavailable(words.NO_CREDENTIALS, cause="keyservice") from error
        except HTTPClientError as error:
            raise Unavailable(words.NO_ANSWER, cause="keyservice") from error
        except BotoCoreError as error:
            raise Unavailable(
                "The vault cannot send a request to the key service.", cause="keyservice"
            ) from error


def connect(*, endpoint_url: str | None, region: str | None, connections: int) -> "KMSClient":
    """Create a client with short timeouts and one retry; boto3 finds the credentials in its usual chain."""
    config = Config(
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        max_pool_connections=connections,
        retries={"mode": "standard", "total_max_attempts": 2},
    )
    session = boto3.session.Session()
    return session.client("kms", endpoint_url=endpoint_url, region_name=region, config=config)


def _translated(code: str) -> VaultError:
    if code in _TAMPERED_CODES:
        return Tampered(words.NOT_OURS)
    return Unavailable(_MESSAGES.get(code) or words.refused(code), cause="keyservice")

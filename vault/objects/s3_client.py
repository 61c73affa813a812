"""Calls to S3 and to what speaks like it: tuned, bounded, retried, and in the port's words.

botocore's own retries are off. Only who counts the tries knows whether a refusal such as "there is
an object already" answers the first try or follows a lost answer to an earlier one. Each object that
is made carries a random mark in its metadata; after a lost answer the mark tells whose it is.

Payloads are not signed and bear no checksum of botocore's (both are slow); uploads carry a CRC-64/NVME
computed here. Amazon S3 checks it and sends it back, and what comes back is compared. Other servers
may not look at it (the Ceph gateway checks Content-MD5 alone, at a cost above that of the sealing).
So the checksum may find damage on the way early, but what proves an object is the read-back
before it is offered, which opens every frame's tag.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from vault import tracing
from vault.errors import NotFound, Unavailable, VaultError
from vault.jitter import RANDOM
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

#: The name in an object's metadata of the mark that says which write made it.
MARK = "callvault-write"

#: Answers that mean "try again", whatever their status: a busy server, or bytes damaged on the way.
_TRANSIENT = frozenset(
    {
        "BadDigest",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "XAmzContentChecksumMismatch",
    }
)
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "404", "NotFound"})
_PRECONDITION_FAILED = 412
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_MAX_BACKOFF = 2.0


class S3Refusal(Exception):
    """The store answered, and trying again will not change its answer.

    ``uncertain`` says that an earlier try may have had its effect although its answer was lost.
    """

    def __init__(self, error: ClientError, *, uncertain: bool) -> None:
        """Keep the code and status of the answer."""
        self.code = str(error.response.get("Error", {}).get("Code", "unknown"))
        self.status = _status(error)
        self.uncertain = uncertain
        super().__init__(self.code)

    def translated(self) -> NotFound | Unavailable:
        """Return the error of the port that says this."""
        if self.code in _ABSENT:
            return NotFound("There is no such object.")
        return Unavailable(
            f"The object store refuses what the vault asks of it ({self.code}).",
            retry_after=30,
            cause="objects",
        )


class DamagedInTransit(Exception):
    """What the store says it took, or what it sent, is not what was sent or asked for."""


class S3Calls:
    """Calls on one bucket. ``attempts`` and ``pause`` (seconds, doubled each time) bound the retries."""

    def __init__(
        self, client: "S3Client", bucket: str, threads: Threads, *, attempts: int = 4, pause: float = 0.1
    ) -> None:
        """Keep the client, which is safe to share between threads."""
        self.client = client
        self.bucket = bucket
        self.threads = threads
        self.attempts = attempts
        self.pause = pause

    async def run(self, function: Callable[[], T]) -> T:
        """Run one call in a thread, and again if that can help.

        Raises S3Refusal for an answer that will not change, Unavailable when the tries are used up
        or the vault has no credentials.
        """
        for attempt in range(self.attempts):
            if attempt:
                longest = min(_MAX_BACKOFF, self.pause * 2 ** (attempt - 1))
                await asyncio.sleep(RANDOM.uniform(longest / 2, longest))
            try:
                with tracing.span("s3", vault__call=tracing.call_of(function)):
                    return await self.threads.run(function)
            except ClientError as error:
                if not _is_transient(error):
                    raise S3Refusal(error, uncertain=attempt > 0) from error
                last: Exception = error
            except (
                HTTPClientError,
                IncompleteReadError,
                ResponseStreamingError,
                ResponseParserError,
                DamagedInTransit,
            ) as error:
                last = error
            except BotoCoreError as error:
                raise Unavailable(
                    "The vault cannot ask the object store; are there credentials?", cause="objects"
                ) from error
        raise Unavailable("The object store does not answer as it should.", cause="objects") from last

    async def ask(self, function: Callable[[], T]) -> T:
        """Run a call whose refusal needs no closer look. Raises NotFound or Unavailable."""
        try:
            return await self.run(function)
        except S3Refusal as refusal:
            raise refusal.translated() from refusal

    async def make(self, function: Callable[[], object], key: str, *, size: int, mark: str) -> bool:
        """Run a call that makes the object ``key`` with that size and mark; False if the key is taken.

        A lost answer is settled by looking whether the object is there and carries the mark. Raises
        Unavailable if it is not; it may still appear later, under a key that nothing names.
        """
        taken = False
        try:
            await self.run(function)
        except S3Refusal as refusal:
            taken = refusal.status == _PRECONDITION_FAILED
            if taken and not refusal.uncertain:
                return False
            trouble: VaultError = refusal.translated()
        except Unavailable as lost:
            trouble = lost
        else:
            return True
        if await self.holds(key, size=size, mark=mark):
            return True
        if taken:
            return False
        raise trouble

    async def holds(self, key: str, *, size: int, mark: str) -> bool:
        """Say whether the object is there with this size and this mark. Raises Unavailable."""
        try:
            head = await self.ask(lambda: self.client.head_object(Bucket=self.bucket, Key=key))
        except NotFound:
            return False
        return head["ContentLength"] == size and head.get("Metadata", {}).get(MARK) == mark


def connect(*, endpoint_url: str | None, region: str | None, connections: int) -> "S3Client":
    """Make a client with a pool of ``connections``; credentials come from boto3's usual chain.

    A server with its own endpoint is addressed by path, since its name seldom has a wildcard record.
    """
    config = Config(
        connect_timeout=3,
        read_timeout=20,
        max_pool_connections=connections,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "payload_signing_enabled": False,
            "addressing_style": "path" if endpoint_url else "auto",
        },
    )
    session = boto3.session.Session()
    return session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)


def compare_checksum(answer: Mapping[str, Any], sent: str) -> None:
    """Compare the checksum that the store sends back, if it does, with the one that was sent.

    Raises DamagedInTransit, which is tried again.
    """
    returned = answer.get("ChecksumCRC64NVME")
    if returned is not None and returned != sent:
        raise DamagedInTransit


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _is_transient(error: ClientError) -> bool:
    status = _status(error)
    code = error.response.get("Error", {}).get("Code")
    # 501 is NotImplemented, which no patience changes.
    return code in _TRANSIENT or status == _TOO_MANY_REQUESTS or (status >= _SERVER_ERROR and status != 501)  # noqa: PLR2004

"""Calls to S3 and compatible services: with a deadline, bounded retries, a circuit breaker, and the port's errors.

A server that hangs must not hold a caller: no attempt begins after DEADLINE, and who reads stops waiting then,
although the thread goes on until botocore's timeout. Who writes waits for its thread: a request that arrives after
the caller has gone on could overwrite a later one. After three such calls the breaker fails all others immediately.

botocore's own retries are off. Only the code that counts the attempts knows whether a refusal such as "the
object exists" is the response to the first attempt or follows the lost response to an earlier one. Each
created object has a random mark in its metadata; after a lost response the mark identifies its writer.

Payloads are not signed and have no checksum by botocore (both are slow); uploads have a CRC-64/NVME computed
here. Amazon S3 verifies and returns it, and the returned value is compared. Other servers may ignore it (the
Ceph gateway verifies only Content-MD5, which costs more than sealing does). So the checksum may detect damage
in transit early, but the proof of an object is that it is read back, and every frame's tag verified, before
the recording becomes available.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import boto3
from botocore import handlers
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's: no connection could be made
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from vault import tracing
from vault.backoff import Backoff
from vault.circuit_breaker import CircuitBreaker
from vault.errors import NotFound, Tampered, Unavailable, VaultError
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

#: The metadata key of the mark that identifies the write that created an object.
MARK = "callvault-write"

#: Error codes to retry, whatever their status: a busy server, or bytes damaged in transit.
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
_MAX_BACKOFF: Final = timedelta(seconds=2)
#: Seconds after which a call fails, all its attempts included; as a call of the database.
DEADLINE = 8.0
#: Seconds to connect, and without a byte sent or received, after which botocore gives up an attempt.
_CONNECT_TIMEOUT, _SILENCE_TIMEOUT = 3, 10
_NO_ANSWER = "The object store does not answer, or its answers are not valid."
_NOT_TRUSTED = (
    "The certificate of the object store is not trusted. If a private authority issued it, set AWS_CA_BUNDLE to the "
    "file of its certificate."
)
#: What to do about a refusal that a retry does not heal, by its code.
_REMEDIES = {
    "NoSuchBucket": "The object store has no bucket of this name: create it, or correct VAULT_OBJECTS_URL.",
    "RequestTimeTooSkewed": "The object store refuses requests of this node, because its clock is wrong: correct it.",
}


class S3Refusal(Exception):
    """The store refused a request, and a retry would not help.

    ``uncertain``: an earlier attempt may have succeeded although its response was lost.
    """

    def __init__(self, error: ClientError, *, uncertain: bool) -> None:
        """Store the code and status of the response."""
        self.code = str(error.response.get("Error", {}).get("Code", "unknown"))
        self.status = _status(error)
        self.uncertain = uncertain
        super().__init__(self.code)

    def translated(self) -> NotFound | Unavailable:
        """Return the port's error for this refusal."""
        if self.code in _ABSENT:
            return NotFound("There is no such object.")
        refused = f"The object store refuses the vault's request ({self.code})."
        return Unavailable(_REMEDIES.get(self.code, refused), retry_after=30, cause="objects")


class DamagedInTransit(Exception):
    """The data that the store received or sent differs from the data sent or requested."""


class S3Calls:
    """Calls on one bucket. ``attempts``, ``pause`` (seconds, doubled each time) and ``deadline`` limit the retries."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        threads: Threads,
        *,
        attempts: int = 4,
        pause: float = 0.1,
        deadline: float = DEADLINE,
    ) -> None:
        """Store the client, which is thread-safe."""
        self.client = client
        self.bucket = bucket
        self.threads = threads
        self.attempts = attempts
        self.backoff = Backoff(first=timedelta(seconds=pause), most=_MAX_BACKOFF)
        self.deadline = deadline
        self.breaker = CircuitBreaker(
            "object_store", "objects", refusals=(S3Refusal, Tampered), message=_NO_ANSWER
        )

    async def run(self, function: Callable[[], T], *, reads: bool = False) -> T:
        """Run one call in a thread, with retries for transient errors; ``reads``: it changes nothing.

        Raises S3Refusal for a permanent error; Unavailable after the last attempt, while the breaker is open, or
        without credentials.
        """
        return await self.breaker.run(lambda: self._try_until_deadline(function, reads=reads))

    async def _try_until_deadline(self, function: Callable[[], T], *, reads: bool) -> T:
        last: Exception | None = None
        time = asyncio.get_running_loop().time
        ends_at = time() + self.deadline
        for attempt in range(self.attempts):
            if attempt:
                await asyncio.sleep(self.backoff.after(attempt).total_seconds())
            left = ends_at - time()
            if attempt and left <= 0:
                break
            try:
                with tracing.span("s3", vault__call=tracing.call_of(function)):
                    return await self._attempt(function, left if reads else None)
            except ClientError as error:
                if not _is_transient(error):
                    raise S3Refusal(error, uncertain=attempt > 0) from error
                last = error
            except (
                ConnectionError,
                HTTPClientError,
                IncompleteReadError,
                ResponseStreamingError,
                ResponseParserError,
                DamagedInTransit,
                TimeoutError,
            ) as error:
                last = error
            except BotoCoreError as error:
                raise Unavailable(
                    "The vault cannot send a request to the object store; check its credentials.",
                    cause="objects",
                ) from error
        message = _NOT_TRUSTED if _is_untrusted(last) else _NO_ANSWER
        raise Unavailable(message, cause="objects") from last

    async def _attempt(self, function: Callable[[], T], seconds: float | None) -> T:
        if seconds is None:
            return await self.threads.run(function)
        return await self.threads.run_for(seconds, function)

    async def ask(self, function: Callable[[], T], *, reads: bool = False) -> T:
        """Run a call and translate a refusal. Raises NotFound, Unavailable."""
        try:
            return await self.run(function, reads=reads)
        except S3Refusal as refusal:
            raise refusal.translated() from refusal

    async def read(self, function: Callable[[], T]) -> T:
        """Ask by a call that changes nothing. Raises NotFound, Unavailable."""
        return await self.ask(function, reads=True)

    async def make(self, function: Callable[[], object], key: str, *, size: int, mark: str) -> bool:
        """Run a call that creates the object ``key`` with that size and mark; False if the key is taken.

        After a lost response, checks whether the object exists and has the mark. Raises Unavailable if not;
        the object may still appear later, under a key that no row references.
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
        """Return whether the object exists with this size and mark. Raises Unavailable."""
        try:
            head = await self.read(lambda: self.client.head_object(Bucket=self.bucket, Key=key))
        except NotFound:
            return False
        return head["ContentLength"] == size and head.get("Metadata", {}).get(MARK) == mark


def connect(*, endpoint_url: str | None, region: str | None, connections: int) -> "S3Client":
    """Create a client with a pool of ``connections``; boto3 finds the credentials in its usual chain.

    A custom endpoint is addressed by path, because its DNS name rarely has a wildcard record.
    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_SILENCE_TIMEOUT,
        max_pool_connections=connections,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
        # mypy checks the names and types of the parameters, all of which are written in this component.
        parameter_validation=False,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "payload_signing_enabled": False,
            "addressing_style": "path" if endpoint_url else "auto",
        },
    )
    session = boto3.session.Session()
    client = session.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
    # A body is in memory and at most a part long: asking first costs a round trip, and both sides a third of the CPU.
    client.meta.events.unregister("before-call.s3", handlers.add_expect_header)
    return client


def compare_checksum(answer: Mapping[str, Any], sent: str) -> None:
    """Compare the checksum in the store's response, if there is one, with the one sent.

    Raises DamagedInTransit, which is retried.
    """
    returned = answer.get("ChecksumCRC64NVME")
    if returned is not None and returned != sent:
        raise DamagedInTransit


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _is_untrusted(error: Exception | None) -> bool:
    return isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error)


def _is_transient(error: ClientError) -> bool:
    status = _status(error)
    code = error.response.get("Error", {}).get("Code")
    # 501 is NotImplemented, so a retry does not help.
    return code in _TRANSIENT or status == _TOO_MANY_REQUESTS or (status >= _SERVER_ERROR and status != 501)  # noqa: PLR2004

"""Upload one object to S3: one PutObject if it is small, else a multipart upload while more bytes arrive.

At most two parts are in flight while the next one fills, so receiving overlaps uploading and memory use is
constant (three parts). The object is not visible before the last request. Both ways ask S3 to refuse if the
key is taken; the Ceph gateway ignores that for multipart uploads and in versioned buckets, where safety
depends on keys that are unique per attempt. A crash leaves at most an unfinished upload, which
``abort_uploads`` aborts.

The CRCs of the parts are combined, so that Amazon S3 also verifies the whole object when it joins the parts.
"""

import asyncio
import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from awscrt.checksums import combine_crc64nvme, crc64nvme

from vault.errors import Unavailable
from vault.objects.s3_client import MARK, S3Calls, S3Refusal, compare_checksum

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

#: Max parts in flight for one object.
IN_FLIGHT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One uploaded part."""

    number: int
    size: int
    crc: int
    etag: str


class S3Writer:
    """ObjectWriter on S3. ``slots`` limits the parts in flight in the whole store."""

    def __init__(self, calls: S3Calls, key: str, *, part_size: int, slots: asyncio.Semaphore) -> None:
        """Store the full key. Nothing is sent before the first part is full or the object ends."""
        self.calls = calls
        self.key = key
        self.part_size = part_size
        self.slots = slots
        self.mark = secrets.token_hex(16)
        self.open_for_writing = True
        self.size = 0
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._in_flight: set[asyncio.Task[Part]] = set()
        self._parts: list[Part] = []
        self._started = 0

    async def write(self, block: bytes) -> None:
        """Add the next bytes; waits while two parts are in flight. Raises Unavailable."""
        self._must_be_open()
        rest = memoryview(block)
        try:
            while rest:
                # A full part is sent only when more bytes follow, so the last part is never empty and an
                # object of exactly one part is sent by a single PutObject.
                if len(self._buffer) == self.part_size:
                    await self._start_part()
                taken = rest[: self.part_size - len(self._buffer)]
                self._buffer += taken
                self.size += len(taken)
                rest = rest[len(taken) :]
        except BaseException:
            self.open_for_writing = False
            raise

    async def finish(self) -> int:
        """Make the object visible and return its size.

        Raises Unavailable if the store did not accept it or the key is taken. Only if the store's last response
        was lost permanently may the object still appear, under a key that no row references.
        """
        self._must_be_open()
        self.open_for_writing = False
        try:
            made = await (self._put_whole() if self._upload_id is None else self._complete())
        except BaseException:
            await self.abort()
            raise
        if not made:
            await self.abort()
            raise Unavailable(
                "An object with this key exists already; it is not overwritten.", cause="objects"
            )
        self._upload_id = None
        return self.size

    async def abort(self) -> None:
        """Wait for the parts in flight, then abort the upload if the store answers."""
        self.open_for_writing = False
        self._buffer = bytearray()
        for task in self._in_flight:
            task.cancel()
        # A part that arrives after the upload was aborted would be stored and billed, so wait first.
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        self._in_flight.clear()
        upload_id, self._upload_id = self._upload_id, None
        if upload_id is not None:
            await abort_upload(self.calls, self.key, upload_id)

    def _must_be_open(self) -> None:
        if not self.open_for_writing:
            raise RuntimeError("This object is finished, aborted, or failed before.")

    async def _put_whole(self) -> bool:
        made, _ = await put_object(self.calls, self.key, bytes(self._buffer), if_absent=True, mark=self.mark)
        return made

    async def _start_part(self) -> None:
        if self._upload_id is None:
            await self.calls.ask(self._create_upload)
        await self._wait(fewer_than=IN_FLIGHT)
        body, self._buffer = self._buffer, bytearray()
        self._started += 1
        self._in_flight.add(asyncio.create_task(self._upload(self._started, body)))

    def _create_upload(self) -> None:
        """Create the upload, and store its id in this thread: a cancelled caller would lose it."""
        answer = self.calls.client.create_multipart_upload(
            Bucket=self.calls.bucket,
            Key=self.key,
            ChecksumAlgorithm="CRC64NVME",
            ChecksumType="FULL_OBJECT",
            Metadata={MARK: self.mark},
        )
        self._upload_id = answer["UploadId"]

    async def _wait(self, *, fewer_than: int) -> None:
        """Wait until fewer than ``fewer_than`` parts are in flight; raise the error of a failed part."""
        while len(self._in_flight) >= fewer_than:
            done, self._in_flight = await asyncio.wait(self._in_flight, return_when=asyncio.FIRST_COMPLETED)
            self._parts += [task.result() for task in done]

    def _require_upload_id(self) -> str:
        if self._upload_id is None:
            raise RuntimeError("There is no upload before its first part.")
        return self._upload_id

    async def _upload(self, number: int, body: bytearray) -> Part:
        upload_id = self._require_upload_id()

        def send() -> Part:
            crc = crc64nvme(body)
            # botocore sends a bytearray without a copy, but its type stubs do not allow one.
            answer = self.calls.client.upload_part(
                Bucket=self.calls.bucket,
                Key=self.key,
                PartNumber=number,
                UploadId=upload_id,
                Body=body,  # type: ignore[arg-type]
                ChecksumCRC64NVME=encoded(crc),
            )
            compare_checksum(answer, encoded(crc))
            return Part(number=number, size=len(body), crc=crc, etag=answer["ETag"])

        async with self.slots:
            return await self.calls.ask(send)

    async def _complete(self) -> bool:
        await self._start_part()
        await self._wait(fewer_than=1)
        upload_id = self._require_upload_id()
        parts = sorted(self._parts, key=lambda part: part.number)
        whole = 0
        for part in parts:
            whole = combine_crc64nvme(whole, part.crc, part.size)

        def complete() -> None:
            self.calls.client.complete_multipart_upload(
                Bucket=self.calls.bucket,
                Key=self.key,
                UploadId=upload_id,
                IfNoneMatch="*",
                MpuObjectSize=self.size,
                ChecksumCRC64NVME=encoded(whole),
                ChecksumType="FULL_OBJECT",
                MultipartUpload={
                    "Parts": [
                        {
                            "PartNumber": part.number,
                            "ETag": part.etag,
                            "ChecksumCRC64NVME": encoded(part.crc),
                        }
                        for part in parts
                    ]
                },
            )

        if not await self.calls.make(complete, self.key, size=self.size, mark=self.mark):
            return False
        if not await self.calls.holds(self.key, size=self.size, mark=self.mark):
            raise Unavailable(
                "The object store stored an object that differs from the upload.", cause="objects"
            )
        return True


async def put_object(
    calls: S3Calls,
    key: str,
    body: bytes,
    *,
    if_absent: bool = False,
    locked_until: datetime | None = None,
    mark: str | None = None,
) -> tuple[bool, int]:
    """Write an object in one request. Return whether it was written, and the number of requests until an answer came.

    With ``if_absent`` an existing object stays, where the store supports that.
    """
    mark, crc, requests = mark or secrets.token_hex(16), encoded(crc64nvme(body)), 0
    request: PutObjectRequestTypeDef = {
        "Bucket": calls.bucket, "Key": key, "Body": body, "ChecksumCRC64NVME": crc, "Metadata": {MARK: mark},
    }  # fmt: skip
    if if_absent:
        request["IfNoneMatch"] = "*"
    if locked_until is not None:
        request["ObjectLockMode"] = "COMPLIANCE"
        request["ObjectLockRetainUntilDate"] = locked_until
        # S3 requires a checksum with a lock, and some servers support only this one.
        request["ContentMD5"] = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()

    def put() -> None:
        nonlocal requests
        requests += 1
        compare_checksum(calls.client.put_object(**request), crc)

    return await calls.make(put, key, size=len(body), mark=mark), requests


async def abort_upload(calls: S3Calls, key: str, upload_id: str) -> bool:
    """Abort an unfinished upload; False if it does not exist any more or the store does not answer."""
    try:
        await calls.run(
            lambda: calls.client.abort_multipart_upload(Bucket=calls.bucket, Key=key, UploadId=upload_id)
        )
    except (S3Refusal, Unavailable):
        return False
    return True


def encoded(crc: int) -> str:
    """Encode a CRC-64/NVME as S3 does: base64 of its eight bytes, big-endian."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()

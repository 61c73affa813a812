"""An object store in an S3 bucket, below one prefix; Amazon's or one that speaks like it.

Every version of a deleted key goes, and its delete markers, so that erasing also erases in a versioned
bucket. In the Ceph gateway and in S3 alike, a listing shows an object as soon as its write returned.
"""

import asyncio
import hashlib
import secrets
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from awscrt.checksums import crc64nvme

from vault.errors import NotFound, Tampered, Unavailable
from vault.objects.keys import SMALL, check_key, check_prefix
from vault.objects.s3_client import MARK, DamagedInTransit, S3Calls, S3Refusal, compare_checksum
from vault.objects.s3_upload import S3Writer, abort_upload, encoded
from vault.ports.objects import StoredObject, StoredVersion
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

#: Bytes of one part: large enough to be quick, small enough to be held three times for each upload.
PART_SIZE = 8 * 1024 * 1024
#: Parts under way in the whole store; fewer than its threads, so that playback always finds one.
UPLOADING = 8

_RANGE_NOT_SATISFIABLE = 416
_NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented"})
# Seconds for which it is remembered that the bucket has versions, or none.
_VERSIONING_CACHE_TTL = 10.0
# Each round removes up to a thousand versions and then looks again.
_DELETE_ROUNDS = 100


class S3Store:
    """ObjectStore on S3. ``prefix`` is "" or ends in a slash; ``part_size`` is at least 5 MiB there."""

    def __init__(
        self,
        client: "S3Client",
        bucket: str,
        prefix: str,
        threads: Threads,
        *,
        part_size: int = PART_SIZE,
        uploading: int = UPLOADING,
        attempts: int = 4,
        pause: float = 0.1,
        lock: timedelta | None = None,
    ) -> None:
        """Share one client between all threads. ``attempts`` and ``pause`` are those of S3Calls.

        ``lock`` is how long what is put as locked cannot be deleted, by S3 Object Lock in compliance mode.
        """
        self.calls = S3Calls(client, bucket, threads, attempts=attempts, pause=pause)
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.part_size = part_size
        self.slots = asyncio.Semaphore(uploading)
        self._versioned = True
        self._versions_asked: float | None = None
        self.lock = lock

    async def create(self, key: str) -> S3Writer:
        """Begin an object of unknown length; nothing is sent yet."""
        return S3Writer(self.calls, self._full(key), part_size=self.part_size, slots=self.slots)

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object whole. With ``if_absent`` an existing one stays and False is returned.

        The Ceph gateway (18.2) ignores the condition in a versioned bucket, so it is also asked for
        beforehand; there, two that put the same key at the same moment may both be told True.
        """
        if if_absent and await self._is_there(key):
            return False
        full, mark, crc = self._full(key), secrets.token_hex(16), encoded(crc64nvme(body))
        asked: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": full,
            "Body": body,
            "ChecksumCRC64NVME": crc,
            "Metadata": {MARK: mark},
        }
        if if_absent:
            asked["IfNoneMatch"] = "*"
        if locked and self.lock is not None:
            asked["ObjectLockMode"] = "COMPLIANCE"
            asked["ObjectLockRetainUntilDate"] = datetime.now(UTC) + self.lock
            # S3 asks for a checksum with a lock, and some servers know no other than this one.
            asked["ContentMD5"] = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()

        def put() -> None:
            compare_checksum(self.client.put_object(**asked), crc)

        return await self.calls.make(put, full, size=len(body), mark=mark)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly [start, end) by one ranged GET. Raises Tampered when the object is shorter."""
        if start == end:
            # HTTP has no way to ask for no bytes.
            if await self.size(key) < end:
                raise Tampered("An object is shorter than it was when it was stored.")
            return b""
        full = self._full(key)

        def fetch() -> bytes:
            answer = self.client.get_object(Bucket=self.bucket, Key=full, Range=f"bytes={start}-{end - 1}")
            # Not `with answer["Body"]`: that hands out the stream below, which checks no length.
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] != end - start:
                    _wrong_length(answer.get("ContentRange", ""), end)
                return body.read()

        try:
            return await self.calls.run(fetch)
        except S3Refusal as refusal:
            if refusal.status == _RANGE_NOT_SATISFIABLE:
                raise Tampered("An object is shorter than it was when it was stored.") from refusal
            raise refusal.translated() from refusal

    async def get(self, key: str) -> bytes:
        """Return a small object whole. Tampered if it is larger than 1 MiB."""
        full = self._full(key)

        def fetch() -> bytes:
            answer = self.client.get_object(Bucket=self.bucket, Key=full)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > SMALL:
                    raise Tampered("A small object is larger than 1 MiB.")
                return body.read()

        return await self.calls.ask(fetch)

    async def size(self, key: str) -> int:
        """Return how many bytes the object has."""
        full = self._full(key)
        head = await self.calls.ask(lambda: self.client.head_object(Bucket=self.bucket, Key=full))
        return head["ContentLength"]

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Yield every object below ``prefix`` in the order of keys, a thousand for each call."""
        check_prefix(prefix)
        after = ""
        while True:
            # Going on after the last key needs no token, and so survives a restart of the server.
            page = await self.calls.ask(
                lambda after=after: self.client.list_objects_v2(  # type: ignore[misc]
                    Bucket=self.bucket, Prefix=self.prefix + prefix, StartAfter=after
                )
            )
            for found in page.get("Contents", []):
                after = found["Key"]
                yield StoredObject(
                    key=after.removeprefix(self.prefix), size=found["Size"], modified=found["LastModified"]
                )
            if not page.get("IsTruncated"):
                return

    async def delete_older(self, key: str) -> None:
        """Remove every version but the newest, whoever wrote it. Costs a listing where there are versions."""
        full = self._full(key)
        if not await self._keeps_versions():
            return
        for _ in range(_DELETE_ROUNDS):
            older = await self._versions(full, older_only=True)
            if not older:
                return
            for version in older:
                await self._delete_version(full, version)
        raise Unavailable("The object store keeps what it was told to delete.", cause="objects")

    async def versions(self, prefix: str) -> AsyncIterator[StoredVersion]:
        """Yield every version and delete marker below ``prefix``, a thousand for each call."""
        check_prefix(prefix)
        after: dict[str, str] = {}  # Amazon S3 refuses a marker that is empty.
        while True:
            page = await self.calls.ask(
                lambda after=after: self.client.list_object_versions(  # type: ignore[misc]
                    Bucket=self.bucket, Prefix=self.prefix + prefix, **after
                )
            )
            found = [
                *((one, one["Size"]) for one in page.get("Versions", [])),
                *((one, None) for one in page.get("DeleteMarkers", [])),
            ]
            # Stable: of one key, versions keep their order, the newest first.
            for one, size in sorted(found, key=lambda pair: pair[0]["Key"]):
                yield StoredVersion(
                    key=one["Key"].removeprefix(self.prefix), size=size or 0, modified=one["LastModified"],
                    latest=one["IsLatest"], deleted=size is None,
                )  # fmt: skip
            if not page.get("IsTruncated"):
                return
            after = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    async def delete(self, key: str) -> None:
        """Remove every version and delete marker of the key. Nothing there is no error."""
        full = self._full(key)
        for _ in range(_DELETE_ROUNDS):
            versions = await self._versions(full)
            if not versions:
                return
            for version in versions:
                await self._delete_version(full, version)
        raise Unavailable("The object store keeps what it was told to delete.", cause="objects")

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Abort unfinished uploads below ``prefix`` that began before ``before``; return how many."""
        check_prefix(prefix)
        aborted, key_marker, id_marker = 0, "", ""
        while True:
            page = await self.calls.ask(
                lambda key=key_marker, upload=id_marker: self.client.list_multipart_uploads(  # type: ignore[misc]
                    Bucket=self.bucket, Prefix=self.prefix + prefix, KeyMarker=key, UploadIdMarker=upload
                )
            )
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < before:
                    aborted += await abort_upload(self.calls, upload["Key"], upload["UploadId"])
            if not page.get("IsTruncated"):
                return aborted
            key_marker, id_marker = page["NextKeyMarker"], page["NextUploadIdMarker"]

    async def can_lock(self) -> bool:
        """Say whether the bucket has S3 Object Lock."""
        try:
            answer = await self.calls.run(
                lambda: self.client.get_object_lock_configuration(Bucket=self.bucket)
            )
        except S3Refusal as refusal:
            if refusal.code in _NO_LOCK:
                return False
            raise refusal.translated() from refusal
        return answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"

    def close(self) -> None:
        """Close the client's connections. The threads belong to whoever made them."""
        self.client.close()

    def _full(self, key: str) -> str:
        check_key(key)
        return self.prefix + key

    async def _is_there(self, key: str) -> bool:
        try:
            await self.size(key)
        except NotFound:
            return False
        return True

    async def _keeps_versions(self) -> bool:
        """Say whether the bucket has versions, or had them once. Who may not be told must look each time."""
        now = asyncio.get_running_loop().time()
        if self._versions_asked is None or now - self._versions_asked >= _VERSIONING_CACHE_TTL:
            try:
                answer = await self.calls.run(lambda: self.client.get_bucket_versioning(Bucket=self.bucket))
                self._versioned = "Status" in answer
            except S3Refusal:
                self._versioned = True
            self._versions_asked = now
        return self._versioned

    async def _versions(self, full: str, *, older_only: bool = False) -> tuple[str, ...]:
        """Return version ids of exactly this key; "null" is the only one in a bucket without versions."""
        page = await self.calls.ask(lambda: self.client.list_object_versions(Bucket=self.bucket, Prefix=full))
        # The key itself comes before every longer key, so its versions stand on the first page.
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        mine = [entry for entry in entries if entry["Key"] == full]
        return tuple(entry["VersionId"] for entry in mine if not (older_only and entry["IsLatest"]))

    async def _delete_version(self, full: str, version: str) -> None:
        try:
            await self.calls.ask(
                lambda: self.client.delete_object(Bucket=self.bucket, Key=full, VersionId=version)
            )
        except NotFound:
            return  # Somebody else was quicker.


def _wrong_length(content_range: str, end: int) -> NoReturn:
    """Raise Tampered if the object is shorter than ``end``, else DamagedInTransit (tried again)."""
    whole = content_range.rpartition("/")[2]
    if whole.isdecimal() and int(whole) < end:
        raise Tampered("An object is shorter than it was when it was stored.")
    raise DamagedInTransit

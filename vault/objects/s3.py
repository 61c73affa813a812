"""An object store in an S3 bucket, below one prefix, at Amazon or a compatible service.

Deleting a key deletes all its versions and delete markers, so that erasing also works in a versioned bucket.
In the Ceph gateway and in S3, a listing shows an object as soon as its write has returned.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NoReturn

from vault.domain.urls import is_amazon
from vault.errors import NotFound, ObjectLocked, Tampered, Unavailable
from vault.objects.keys import SMALL, check_key, check_prefix
from vault.objects.s3_client import DEADLINE, DamagedInTransit, S3Calls, S3Refusal
from vault.objects.s3_locks import S3Locks, last_of
from vault.objects.s3_upload import S3Writer, abort_upload, put_object
from vault.ports.objects import StoredObject, StoredVersion
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Bytes of one part: large enough to be fast, small enough to hold three in memory per upload.
PART_SIZE = 8 * 1024 * 1024
#: Max parts in flight in the whole store; fewer than its threads, so that playback always finds a free thread.
UPLOADING = 8

_RANGE_NOT_SATISFIABLE = 416
# TTL in seconds of the cached answer whether the bucket has versions.
_VERSIONING_CACHE_TTL = 10.0
# Max rounds; each deletes up to a thousand versions and then lists again.
_DELETE_ROUNDS = 100


class S3Store:
    """ObjectStore on S3. ``prefix`` is "" or ends in a slash; S3 requires a ``part_size`` of at least 5 MiB."""

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
        deadline: float = DEADLINE,
        lock: timedelta | None = None,
    ) -> None:
        """Use one client from all threads. ``attempts``, ``pause`` and ``deadline`` are those of S3Calls.

        ``lock`` is the retention of objects put as locked, by S3 Object Lock in compliance mode.
        """
        self.calls = S3Calls(client, bucket, threads, attempts=attempts, pause=pause, deadline=deadline)
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.part_size = part_size
        self.slots = asyncio.Semaphore(uploading)
        self._versioned = True
        self._versioning_read_at: float | None = None
        self.lock = lock
        self.locks = S3Locks(self.calls, prefix)

    async def clock(self) -> datetime | None:
        """Return the time in the header Date of an answer; None where an answer has none."""
        head = await self.calls.read(lambda: self.client.head_bucket(Bucket=self.bucket))
        date = head["ResponseMetadata"]["HTTPHeaders"].get("date")
        return None if date is None else parsedate_to_datetime(date)

    async def place(self) -> tuple[str | None, bool]:
        """Return the bucket's region, and whether the service is Amazon's. Raises NotFound, Unavailable."""
        head = await self.calls.read(lambda: self.client.head_bucket(Bucket=self.bucket))
        region = head["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        return region, is_amazon(self.client.meta.endpoint_url)

    async def create(self, key: str) -> S3Writer:
        """Start an object of unknown length; nothing is sent yet."""
        return S3Writer(self.calls, self._full_key(key), part_size=self.part_size, slots=self.slots)

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        """Write a small object in one request. With ``if_absent`` an existing one stays and False is returned.

        The Ceph gateway (18.2) ignores the condition in a versioned bucket, so the key is also checked before;
        there, two concurrent puts of one key may both return True.
        """
        if if_absent and await self._exists(key):
            return False
        until = datetime.now(UTC) + self.lock if locked and self.lock is not None else None
        full = self._full_key(key)
        made, _ = await put_object(self.calls, full, body, if_absent=if_absent, locked_until=until)
        return made

    async def replace(self, key: str, body: bytes, *, first: bool = False) -> None:
        """Write a small object, and delete every older version of it.

        ``first``: the key has no version yet. A repeated request may have left one, so it lists them then.
        """
        _, requests = await put_object(self.calls, self._full_key(key), body)
        if requests > 1 or not first:
            await self.delete_older(key)

    async def read(self, key: str, start: int, end: int) -> bytes:
        """Return exactly [start, end) by one ranged GET. Raises Tampered when the object is shorter."""
        if start == end:
            # An HTTP range cannot be empty.
            if await self.size(key) < end:
                raise Tampered("An object is shorter than it was when it was stored.")
            return b""
        full = self._full_key(key)

        def fetch() -> bytes:
            answer = self.client.get_object(Bucket=self.bucket, Key=full, Range=f"bytes={start}-{end - 1}")
            # Not `with answer["Body"]`: that returns the underlying stream, which does not check the length.
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] != end - start:
                    _wrong_length(answer.get("ContentRange", ""), end)
                return body.read()

        try:
            return await self.calls.run(fetch, reads=True)
        except S3Refusal as refusal:
            if refusal.status == _RANGE_NOT_SATISFIABLE:
                raise Tampered("An object is shorter than it was when it was stored.") from refusal
            raise refusal.translated() from refusal

    async def get(self, key: str) -> bytes:
        """Return the content of a small object. Raises Tampered if it is larger than 1 MiB."""
        full = self._full_key(key)

        def fetch() -> bytes:
            answer = self.client.get_object(Bucket=self.bucket, Key=full)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > SMALL:
                    raise Tampered("A small object is larger than 1 MiB.")
                return body.read()

        return await self.calls.read(fetch)

    async def size(self, key: str) -> int:
        """Return the object's size in bytes."""
        full = self._full_key(key)
        head = await self.calls.read(lambda: self.client.head_object(Bucket=self.bucket, Key=full))
        return head["ContentLength"]

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        """Yield every object below ``prefix``, ordered by key, up to a thousand per request."""
        check_prefix(prefix)
        after = self.prefix + after if after else ""
        while True:
            # StartAfter needs no continuation token, so the listing survives a restart of the server.
            page = await self.calls.read(
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
        """Delete every version except the newest, also of other writers. Lists the key if the bucket has versions."""
        full = self._full_key(key)
        if not await self._is_versioned():
            return
        for _ in range(_DELETE_ROUNDS):
            older = await self._versions(full, older_only=True)
            if not older:
                return
            for version in older:
                await self._delete_version(full, version)
        raise Unavailable("The object store does not delete versions as requested.", cause="objects")

    async def versions(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredVersion]:
        """Yield every version and delete marker below ``prefix``, up to a thousand per request."""
        check_prefix(prefix)
        # Amazon S3 refuses an empty marker.
        marker: dict[str, str] = {"KeyMarker": self.prefix + after} if after else {}
        while True:
            page = await self.calls.read(
                lambda marker=marker: self.client.list_object_versions(  # type: ignore[misc]
                    Bucket=self.bucket, Prefix=self.prefix + prefix, **marker
                )
            )
            found = [
                *((entry, entry["Size"]) for entry in page.get("Versions", [])),
                *((entry, None) for entry in page.get("DeleteMarkers", [])),
            ]
            # The sort is stable: versions of one key keep their order, newest first.
            for entry, size in sorted(found, key=lambda pair: pair[0]["Key"]):
                yield StoredVersion(
                    key=entry["Key"].removeprefix(self.prefix), size=size or 0, modified=entry["LastModified"],
                    latest=entry["IsLatest"], deleted=size is None,
                )  # fmt: skip
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    async def delete(self, key: str) -> None:
        """Delete every version and delete marker of the key, but for locked ones. A missing key is not an error."""
        full, locked = self._full_key(key), dict[str, ObjectLocked]()
        for _ in range(_DELETE_ROUNDS):
            versions = [version for version in await self._versions(full) if version not in locked]
            if not versions:
                break
            for version in versions:
                try:
                    await self._delete_version(full, version)
                except ObjectLocked as error:
                    locked[version] = error
        if locked:
            raise last_of(locked.values())
        if not versions:
            return
        raise Unavailable("The object store does not delete versions as requested.", cause="objects")

    async def abort_uploads(self, prefix: str, *, before: datetime) -> int:
        """Abort unfinished uploads below ``prefix`` that started before ``before``; return the count."""
        check_prefix(prefix)
        aborted, key_marker, id_marker = 0, "", ""
        while True:
            page = await self.calls.read(
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

    def close(self) -> None:
        """Close the client's connections. The caller that created the threads closes them."""
        self.client.close()

    def _full_key(self, key: str) -> str:
        check_key(key)
        return self.prefix + key

    async def _exists(self, key: str) -> bool:
        try:
            await self.size(key)
        except NotFound:
            return False
        return True

    async def _is_versioned(self) -> bool:
        """Return whether the bucket has or had versioning; True if the vault has no permission to read that."""
        now = asyncio.get_running_loop().time()
        if self._versioning_read_at is None or now - self._versioning_read_at >= _VERSIONING_CACHE_TTL:
            try:
                said = await self.calls.run(
                    lambda: self.client.get_bucket_versioning(Bucket=self.bucket), reads=True
                )
                self._versioned = "Status" in said
            except S3Refusal:
                self._versioned = True
            self._versioning_read_at = now
        return self._versioned

    async def _versions(self, full: str, *, older_only: bool = False) -> tuple[str, ...]:
        """Return the version ids of exactly this key; only "null" in a bucket without versions."""
        page = await self.calls.read(
            lambda: self.client.list_object_versions(Bucket=self.bucket, Prefix=full)
        )
        # The key sorts before every longer key, so its versions are on the first page.
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        mine = [entry for entry in entries if entry["Key"] == full]
        return tuple(entry["VersionId"] for entry in mine if not (older_only and entry["IsLatest"]))

    async def _delete_version(self, full: str, version: str) -> None:
        try:
            await self.calls.ask(
                lambda: self.client.delete_object(Bucket=self.bucket, Key=full, VersionId=version)
            )
        except NotFound:
            return  # Deleted concurrently.
        except Unavailable as error:
            raise await self.locks.deletion_refused(full, version, error) from error


def _wrong_length(content_range: str, end: int) -> NoReturn:
    """Raise Tampered if the object is shorter than ``end``, else DamagedInTransit (which is retried)."""
    whole = content_range.rpartition("/")[2]
    if whole.isdecimal() and int(whole) < end:
        raise Tampered("An object is shorter than it was when it was stored.")
    raise DamagedInTransit

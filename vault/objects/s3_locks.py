"""S3 Object Lock on finished versions: retention and legal hold, always by version id, and always read back.

The Ceph gateway (18.2) drops lock headers on multipart uploads, so a lock is set on the finished version. A HEAD shows
lock fields only to a principal that may read them: without them the lock is unknown, not absent.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from vault.domain.retention.object_lock import LOCK_MODES, ObjectLock
from vault.errors import NotFound, ObjectLocked, Unavailable
from vault.objects.keys import check_key
from vault.objects.s3_client import S3Calls, S3Refusal

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_NO_LOCK: Final = frozenset(
    {"ObjectLockConfigurationNotFoundError", "InvalidRequest", "NotImplemented", "AccessDenied"}
)
_FORBIDDEN: Final = 403
#: As S3 counts a year of a default rule.
_DAYS_PER_YEAR: Final = 365


class S3Locks:
    """ObjectLocks on a bucket. ``prefix`` is "" or ends in a slash."""

    def __init__(self, calls: S3Calls, prefix: str) -> None:
        """Use the calls of the store."""
        self._calls = calls
        self.client = calls.client
        self._bucket = calls.bucket
        self._prefix = prefix

    async def enabled(self) -> bool:
        """Return whether the bucket has S3 Object Lock, and versions."""
        if (await self._configuration()).get("ObjectLockEnabled") != "Enabled":
            return False
        versioning = await self._calls.read(lambda: self.client.get_bucket_versioning(Bucket=self._bucket))
        return versioning.get("Status") == "Enabled"

    async def default_retention(self) -> timedelta | None:
        """Return the retention of the bucket's default rule."""
        rule = (await self._configuration()).get("Rule", {}).get("DefaultRetention", {})
        days = rule.get("Days", 0) + _DAYS_PER_YEAR * rule.get("Years", 0)
        return timedelta(days=days) if days else None

    async def set(self, key: str, wanted: ObjectLock) -> ObjectLock | None:
        """Extend the retention of the newest version, set or clear its legal hold, and read both back."""
        head = await self._head(key)
        version, current = head["VersionId"], _lock_of(head) or ObjectLock()
        if current.covers(wanted):
            return current
        target = current.extended_to(wanted)
        try:
            if target.until is not None and (target.until, target.mode) != (current.until, current.mode):
                await self._calls.run(self._retention(key, version, target))
            if target.hold != current.hold:
                await self._calls.run(self._legal_hold(key, version, on=target.hold))
        except S3Refusal as refusal:
            if refusal.status != _FORBIDDEN:
                raise refusal.translated() from refusal
            return None
        found = _lock_of(await self._head(key, version)) or ObjectLock()
        return found if found.covers(wanted) else None

    async def read(self, key: str) -> ObjectLock | None:
        """Return the lock of the newest version, if a HEAD shows one."""
        return _lock_of(await self._head(key))

    async def deletion_refused(self, full_key: str, version: str, refusal: Unavailable) -> Unavailable:
        """Return the error for a version that was not deleted: ObjectLocked if a lock shows, else ``refusal``."""
        try:
            head = await self._calls.read(
                lambda: self.client.head_object(Bucket=self._bucket, Key=full_key, VersionId=version)
            )
        except (NotFound, Unavailable):
            return refusal
        lock = _lock_of(head)
        if lock is None or not (lock.hold or (lock.until is not None and lock.until > datetime.now(UTC))):
            return refusal
        return ObjectLocked(until=lock.until, hold=lock.hold)

    async def _configuration(self) -> dict[str, Any]:
        try:
            answer = await self._calls.run(
                lambda: self.client.get_object_lock_configuration(Bucket=self._bucket), reads=True
            )
        except S3Refusal as refusal:
            if refusal.code in _NO_LOCK:
                return {}
            raise refusal.translated() from refusal
        return dict(answer.get("ObjectLockConfiguration", {}))

    async def _head(self, key: str, version: str | None = None) -> "HeadObjectOutputTypeDef":
        check_key(key)
        full = self._prefix + key
        if version is None:
            return await self._calls.read(lambda: self.client.head_object(Bucket=self._bucket, Key=full))
        return await self._calls.read(
            lambda: self.client.head_object(Bucket=self._bucket, Key=full, VersionId=version)
        )

    def _retention(self, key: str, version: str, lock: ObjectLock) -> Callable[[], object]:
        mode, until = lock.mode, lock.until
        if mode is None or until is None:
            raise ValueError("A retention needs a mode and an end.")
        # A server may keep whole seconds: a lock that ends a moment early would not cover what was wanted.
        whole = until.replace(microsecond=0) + timedelta(seconds=1 if until.microsecond else 0)
        return lambda: self.client.put_object_retention(
            Bucket=self._bucket, Key=self._prefix + key, VersionId=version,
            Retention={"Mode": "COMPLIANCE" if mode == "compliance" else "GOVERNANCE", "RetainUntilDate": whole},
        )  # fmt: skip

    def _legal_hold(self, key: str, version: str, *, on: bool) -> Callable[[], object]:
        return lambda: self.client.put_object_legal_hold(
            Bucket=self._bucket, Key=self._prefix + key, VersionId=version,
            LegalHold={"Status": "ON" if on else "OFF"},
        )  # fmt: skip


def last_of(locked: Iterable[ObjectLocked]) -> ObjectLocked:
    """Return one error for several versions: the latest end, and whether any of them has a legal hold."""
    found = list(locked)
    ends = [error.until for error in found if error.until is not None]
    return ObjectLocked(until=max(ends, default=None), hold=any(error.hold for error in found))


def _lock_of(head: "HeadObjectOutputTypeDef") -> ObjectLock | None:
    """Return the lock that a HEAD shows; None if it shows no lock fields."""
    shown = str(head.get("ObjectLockMode", "")).lower()
    mode = next((known for known in LOCK_MODES if known == shown), None)
    fields: Mapping[str, Any] = head
    hold = fields.get("ObjectLockLegalHoldStatus")
    if mode is None and hold is None:
        return None
    return ObjectLock(mode=mode, until=fields.get("ObjectLockRetainUntilDate"), hold=hold == "ON")

"""Object locks: what the object store itself refuses to delete, and until when.

Only finished audio and renditions are locked, and never a manifest: it holds a wrapped key, so its deletion is the
erasure, which a lock must not delay.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

#: ``governance``: a principal with a special permission may lift it; ``compliance``: nobody.
LockMode = Literal["governance", "compliance"]
LOCK_MODES: tuple[LockMode, ...] = get_args(LockMode)
#: What an account's retention policy asks for.
LockSetting = Literal["off", "governance", "compliance"]
#: ``none``: nothing is to be locked; ``wanted``: to be compared with the store; ``set``: read back from the store;
#: ``unknown``: the store does not show the lock that was set.
LockState = Literal["none", "wanted", "set", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectLock:
    """The lock of one version: its retention, and the legal hold, which has no date and can be taken off."""

    mode: LockMode | None = None
    until: datetime | None = None
    hold: bool = False

    def covers(self, lock: "ObjectLock") -> bool:
        """Return whether this version is locked at least as ``lock``; the legal hold must be equal."""
        if self.hold != lock.hold:
            return False
        if lock.until is None:
            return True
        if self.until is None or self.until < lock.until:
            return False
        return self.mode in {"compliance", lock.mode}

    def extended_to(self, lock: "ObjectLock") -> "ObjectLock":
        """Return the lock to set: a retention only gets longer and stricter, and the legal hold is as wanted."""
        if lock.until is None:
            return ObjectLock(mode=self.mode, until=self.until, hold=lock.hold)
        until = lock.until if self.until is None else max(self.until, lock.until)
        mode: LockMode | None = "compliance" if self.mode == "compliance" else lock.mode
        return ObjectLock(mode=mode, until=until, hold=lock.hold)

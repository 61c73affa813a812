"""Translate errors of the disk to the port's errors."""

import errno

from vault.errors import Unavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def disk_trouble(error: OSError) -> Unavailable:
    """Translate an OSError; the message contains no path."""
    if error.errno in _NO_ROOM:
        return Unavailable("The object store has no free space.", retry_after=30, cause="objects")
    if error.errno in _NOT_ALLOWED:
        return Unavailable(
            "The vault has no permission for the object store's directory.", retry_after=30, cause="objects"
        )
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return Unavailable(f"The object store's disk has an error ({name}).", cause="objects")

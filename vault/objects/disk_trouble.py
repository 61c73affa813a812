"""What the disk said, in the words of the port."""

import errno

from vault.errors import Unavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def disk_trouble(error: OSError) -> Unavailable:
    """Translate an error of the operating system; names no path."""
    if error.errno in _NO_ROOM:
        return Unavailable("The object store has no room.", retry_after=30, cause="objects")
    if error.errno in _NOT_ALLOWED:
        return Unavailable(
            "The object store's directory does not let the vault in.", retry_after=30, cause="objects"
        )
    name = errno.errorcode.get(error.errno or 0, "unknown")
    return Unavailable(f"The object store's disk does not do what it is asked to ({name}).", cause="objects")

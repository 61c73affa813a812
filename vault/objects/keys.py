"""The format of an object's key, the same for every store.

A key is a path of plain segments, so that it can be a file path, an S3 key and part of a listing without
quoting, and cannot escape from its store (no path traversal). It is short enough to be one file name. No key
is the folder of another one: S3 would allow that, a directory does not.
"""

import re

#: Max bytes of an object that is read whole: manifests, markers, checkpoints.
SMALL = 1024 * 1024
#: Max bytes of a key. A key with a time and a random mark must fit in one file name (at most 255).
MAX_KEY_BYTES = 200

# A segment never begins with a dot: "." and ".." are path traversal, and hidden names are the store's own.
_SEGMENT = r"[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


def check_key(key: str) -> None:
    """Raise ValueError if the key is not valid: the vault creates all keys, so this is a programming error."""
    if len(key) > MAX_KEY_BYTES or _KEY.fullmatch(key) is None:
        raise ValueError("The key of an object is not valid.")


def check_prefix(prefix: str) -> None:
    """Raise ValueError if the prefix is not valid for any key."""
    if len(prefix) > MAX_KEY_BYTES or _PREFIX.fullmatch(prefix) is None:
        raise ValueError("The prefix of an object's key is not valid.")

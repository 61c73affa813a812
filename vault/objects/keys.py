"""The shape of an object's key, the same for every store.

A key is a path of plain segments, so that it can be a file name, an S3 key and part of a listing
without quoting, and can never climb out of its store. It is short enough to be one file name. A key
is never at the same time the folder of another: S3 would allow it, a directory does not.
"""

import re

#: Bytes of the largest object that is read whole: manifests, markers, checkpoints.
SMALL = 1024 * 1024
#: Bytes of the longest key. A key with a time and a random mark is one file name (at most 255).
MAX_KEY_BYTES = 200

# A segment never begins with a dot: "." and ".." would climb, and hidden names are the store's own.
_SEGMENT = r"[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


def check_key(key: str) -> None:
    """Raise ValueError if this is no key: keys are made by the vault, so it is a mistake of its own."""
    if len(key) > MAX_KEY_BYTES or _KEY.fullmatch(key) is None:
        raise ValueError("That is no key of an object store.")


def check_prefix(prefix: str) -> None:
    """Raise ValueError if no key could begin like this."""
    if len(prefix) > MAX_KEY_BYTES or _PREFIX.fullmatch(prefix) is None:
        raise ValueError("That is no prefix of a key.")

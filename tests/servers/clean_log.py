"""What no log of any test's server may hold: whatever opens something, and numbers of people."""

import re
from pathlib import Path

#: Keys, webhook secrets, links' tokens, credentials in headers and signed URLs, E.164 numbers, private keys.
FORBIDDEN = re.compile(
    rb"cv_[0-9a-f]{32}_[\w-]{20,}|whsec_[\w+/=-]{20,}|/p/[\w-]{40,}|Bearer [\w.~+/-]{8,}|__Host-sess"
    rb"|X-Amz-Signature|(?<![\w.:+-])\+[1-9]\d{7,14}(?!\d)|BEGIN [A-Z ]*PRIVATE KEY"
)


def strangers(log: bytes) -> list[bytes]:
    """Return what of a log should not be there."""
    return FORBIDDEN.findall(log)


def assert_clean(path: Path) -> None:
    """Raise AssertionError if a server wrote what it must not into its log."""
    found = strangers(path.read_bytes()) if path.exists() else []
    assert found == [], f"the log of a server, {path}, tells what it must not: {found[:5]}"

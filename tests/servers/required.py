"""What a test needs and this machine may lack: a skip on a laptop, a failure where all must run."""

import os
import shutil
from typing import NoReturn

import pytest


def require(*programs: str, install: str) -> None:
    """Skip, naming the command that installs what is missing; fail if CALLVAULT_REQUIRE_ALL=1."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    go_without(f"needs {', '.join(missing)}: {install}")


def go_without(reason: str) -> NoReturn:
    """Skip for a reason that says what would help; fail if CALLVAULT_REQUIRE_ALL=1."""
    if os.environ.get("CALLVAULT_REQUIRE_ALL") == "1":
        pytest.fail(f"CALLVAULT_REQUIRE_ALL=1, but this test {reason}", pytrace=False)
    pytest.skip(reason)

"""What a test needs and this machine may lack: a skip on a laptop, a failure where all must run."""

import os
import shutil

import pytest


def require(*programs: str, install: str) -> None:
    """Skip, naming the command that installs what is missing; fail if CALLVAULT_REQUIRE_ALL=1."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}: {install}"
    if os.environ.get("CALLVAULT_REQUIRE_ALL") == "1":
        pytest.fail(f"CALLVAULT_REQUIRE_ALL=1, but this test {reason}", pytrace=False)
    pytest.skip(reason)

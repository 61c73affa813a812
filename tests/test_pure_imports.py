"""Tests of pure code need no database and no network: they are collected without importing any of it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What takes long to import, or needs a server: none of it belongs to the layer of pure code.
HEAVY = {
    "sqlalchemy",
    "alembic",
    "psycopg",
    "boto3",
    "botocore",
    "fastapi",
    "uvicorn",
    "httpx",
    "av",
    "playwright",
}
COLLECT = """
import sys, pytest
status = pytest.main(["--collect-only", "-q", "-n0", "-p", "no:cacheprovider", *sys.argv[1:]])
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}))
sys.exit(status)
"""


def test_tests_of_pure_code_import_no_database() -> None:
    """A change of one decision needs one folder's tests, without SQLAlchemy, botocore and psycopg."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, "tests/domain", "tests/tlog"],
        cwd=ROOT, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    imported = set(done.stdout.rpartition("imported:")[2].split())
    assert "vault" in imported
    assert imported & HEAVY == set()

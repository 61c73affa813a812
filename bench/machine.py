"""What the figures were measured on."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

_PACKAGES = (
    "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "sqlalchemy", "psycopg", "cryptography",
    "aws-encryption-sdk",
)  # fmt: skip


def describe_machine() -> str:
    """Return a few lines that name cores, processor, Python and the packages that decide the figures."""
    one, five, _ = os.getloadavg()
    cores, library = len(os.sched_getaffinity(0)), " ".join(platform.libc_ver())
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return "\n".join(
        (
            f"machine    {cores} cores, {_processor()}, {platform.system()} {platform.release()}",
            f"load       {one:.2f} (1 min), {five:.2f} (5 min) before; server and client share the cores",
            f"python     {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {library}",
            f"packages   {packages}",
        )
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()

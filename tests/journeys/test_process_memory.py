"""No other process of the same user reads the memory of one that holds keys."""

import json
import subprocess
import sys

import pytest

#: Starts each command in a process of its own, and writes down, when the root key is about to be read, whether
#: others may attach to the process: prctl(PR_GET_DUMPABLE), which is 1 where nothing was done.
SCRIPT = """
import ctypes, json, os, sys
from vault.cli import main
from vault.server import asgi
from vault.composition import assemble

def seen(*arguments, **options):
    os.write(1, json.dumps([name, ctypes.CDLL(None).prctl(3)]).encode() + b"\\n")
    os._exit(0)

def begin():
    if name == "uvicorn":
        import asyncio
        from fastapi import FastAPI
        app = asgi.create()
        asyncio.run(app.router.lifespan_context(app).__aenter__())
    sys.argv = ["callvault", *name.split()]
    main.main()

assemble.open_root_key = seen
for name in json.loads(sys.argv[1]):
    if not (pid := os.fork()):
        begin()
    os.waitpid(pid, 0)
"""
COMMANDS = [
    "serve --port 0",
    "worker",
    "demo --once --port 0",
    "keys create --name a --scopes *",
    "uvicorn",
]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_no_process_may_attach_once_the_root_key_is_read(tmp_path):
    """Neither ptrace(2) nor /proc shows the memory and the environment to anyone who has the same user id."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(COMMANDS)],
        env={"PYTHONPATH": ":".join(sys.path), "VAULT_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[name, 0] for name in COMMANDS]

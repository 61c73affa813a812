"""What a process of the vault imports and reads when it starts, and what some settings ask for besides.

The fork server of ``forked.py`` does it once: two of the three seconds of a start are imports. What it holds then is
out of the garbage collector's sight: a collection in a process that was forked would copy every page of it, and each
process collects when it ends.
"""

import ctypes
import gc
import importlib
import multiprocessing.spawn
import signal
from pathlib import Path

from tests.servers.forked_child import PR_SET_PDEATHSIG
from tests.servers.made_once import make_schema_once, schema

# The fork server dies with the tests, and what it forked with it: each of those keeps a pipe open on which the
# server would otherwise wait for the end of the tests.
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

for _name in (
    # Of those that are killed again and again: most of their start.
    "httpx",
    "tests.loop_watchdog",
    "uvicorn.loops.uvloop",
    "vault.cli.main",
    "vault.cli.operator",
    "vault.database.engines.postgresql",
    "vault.keyservice.aws_kms",
    "vault.keyservice.openbao",
    "vault.objects.s3",
    "vault.server.asgi",
    "vault.server.worker_process",
):
    importlib.import_module(_name)

make_schema_once()
schema()
_adapters = importlib.import_module("vault.composition.adapters")
for _read in (_adapters.rule_book, _adapters.notice_texts, _adapters.page_texts, _adapters.mail_texts):
    _read()

# multiprocessing would run the main module of the tests in each process, and thereby import pytest.
multiprocessing.spawn._fixup_main_from_path = lambda _path: None  # type: ignore[attr-defined]

if len(list(Path("/proc/self/task").iterdir())) > 1:
    raise RuntimeError("A process that has threads must not fork.")

gc.collect()
gc.freeze()

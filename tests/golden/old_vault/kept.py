"""A copy of a kept vault, with its server and its commands at the time at which it was written."""

import json
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.golden.old_vault.make import ACCOUNT, PUBLIC_URL
from tests.servers.forked import run_forked
from tests.servers.processes import process, wait_until
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant

#: Seconds after the last request of those who wrote it.
LATER = 60.0


class Kept(VaultProcess):
    """A kept vault, whose server believes that it was written a minute ago."""

    def __init__(self, folder: Path) -> None:
        """Use a folder into which an archive was unpacked as ``vault``."""
        super().__init__(folder, {"VAULT_PUBLIC_URL": PUBLIC_URL})
        self.data_dir = folder / "vault"
        self.known: dict[str, Any] = json.loads((self.data_dir / "known.json").read_text())
        self.behind = time.time() - self.known["written_at"] - LATER

    def now(self) -> datetime:
        """Return what its server takes for now."""
        return datetime.now(UTC) - timedelta(seconds=self.behind)

    def command(
        self, *arguments: str, patience: float = 30.0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``callvault`` at the server's time, which is that of every row."""
        command = [sys.executable, "-m", "tests.golden.old_vault.at_time", str(self.behind), *arguments]
        return run_forked(command, self.environment | settings, seconds=patience)

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        """Serve to the end of the block, and give a client with the kept key."""
        arguments = [str(self.behind), "serve", "--port", str(self.port)]
        command = [sys.executable, "-m", "tests.golden.old_vault.at_time", *arguments]
        with process(command, self.log, **self.environment) as running:
            wait_until(self._ready, running, self.log, 30)
            headers = {"Authorization": f"Bearer {self.known['api_key']}"}
            with httpx.Client(base_url=self.url, headers=headers, timeout=30) as http:
                yield http

    def tenant(self, http: httpx.Client) -> Tenant:
        """Return the account as its platform and its admin see it."""
        return Tenant(http, ACCOUNT, self.known["webhook"], self.known["secret"], self.known["account"])

    def id_of(self, ref: str) -> str:
        """Return the id of a recording."""
        found: str = self.known["recordings"][ref]["id"]
        return found

    def schema(self) -> str:
        """Return the schema that the database is at."""
        with closing(sqlite3.connect(f"file:{self.data_dir}/vault.db?mode=ro", uri=True)) as database:
            found: str = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return found


def unpack(archive: Path, folder: Path) -> Kept:
    """Unpack a copy of a vault."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return Kept(folder)

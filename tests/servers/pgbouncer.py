"""PgBouncer from Debian as a child process before a server of the tests."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.servers.ports import free_ports
from tests.servers.processes import process, wait_until
from tests.servers.required import require


@contextmanager
def pgbouncer(folder: Path, *, host: Path, mode: str, ignore: str = "") -> Iterator[int]:
    """Run it before the server whose socket lies in ``host``; yields its port.

    ``mode`` is session or transaction; ``ignore`` names startup parameters that it drops.
    """
    require("pgbouncer", install="sudo apt-get install pgbouncer")
    (mine,) = free_ports(1)
    settings, log = folder / "pgbouncer.ini", folder / "pgbouncer.log"
    (folder / "users").write_text('"postgres" ""\n')
    settings.write_text(
        f"[databases]\n* = host={host}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {mine}\n"
        f"unix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users\npool_mode = {mode}\n"
        f"ignore_startup_parameters = {ignore}\n"
    )
    command = ["pgbouncer", str(settings)]
    if os.geteuid() == 0:
        # It refuses to be root, and the server's socket is open to the server's user alone.
        user = Path(host).owner()
        for path in (folder, settings, folder / "users"):
            shutil.chown(path, user)
        for above in folder.parents:
            above.chmod(above.stat().st_mode | 0o005)
        command = [command[0], "-u", user, *command[1:]]
    with process(command, log) as running:
        wait_until(lambda: _answers(mine), running, log, 30)
        yield mine


def _answers(port: int) -> bool:
    try:
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError as error:
        return "refused" not in str(error)
    return True

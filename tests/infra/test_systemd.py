"""The units for systemd: it accepts them, they are hardened, and the vault works under what they forbid."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.servers.processes import process, wait_until
from tests.servers.required import require
from tests.servers.vault_process import PATIENCE, VaultProcess
from tests.support.tenant import Tenant, tone
from vault.settings import _KNOWN, read_settings

UNITS = sorted((Path(__file__).parents[2] / "infra" / "systemd").glob("*.service"))
INSTALL = "apt-get install --no-install-recommends systemd"
#: Of 10, by `systemd-analyze security`: "OK".
MAX_EXPOSURE = 2.0
PROGRAM = "/opt/callvault/bin/callvault"
#: What MemoryDenyWriteExecute= and NoNewPrivileges= are to the kernel: PR_SET_MDWE and PR_SET_NO_NEW_PRIVS.
CONFINED = """
import ctypes, os, sys
for option in (65, 38):
    if ctypes.CDLL(None, use_errno=True).prctl(option, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")
os.execv(sys.argv[1], sys.argv[1:])
"""


def value(unit: Path, name: str) -> str:
    """Return the one value of a setting."""
    (found,) = re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)
    return str(found)


@pytest.fixture
def checked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit as systemd could run it on this machine, where neither the program nor its user is."""
    require("systemd-analyze", install=INSTALL)
    unit: Path = request.param
    text = unit.read_text().replace(PROGRAM, shutil.which("true") or "").replace("=callvault\n", "=daemon\n")
    path = tmp_path / unit.name
    path.write_text(text)
    return path


@pytest.mark.parametrize("checked", UNITS, ids=lambda unit: unit.stem, indirect=True)
def test_systemd_accepts_a_unit_and_finds_it_hardened(checked: Path):
    """Every setting is known, and little of the system is exposed to the process."""
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(checked)], capture_output=True, text=True, check=False
    )
    about_it = [line for line in verified.stderr.splitlines() if checked.name in line]
    assert (verified.returncode, about_it) == (0, [])
    limit = str(round(MAX_EXPOSURE * 10))
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={limit}",
        "--no-pager",
        str(checked),
    ]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout + rated.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_of_the_vault_and_gives_it_time_to_end(unit: Path, tmp_path: Path):
    """Its options exist, its settings are known, and systemd waits longer than the vault needs to stop."""
    program, command, *options = value(unit, "ExecStart").split()
    assert program == PROGRAM
    helped = VaultProcess(tmp_path).command(command, "--help")
    assert [name for name in options if name.startswith("--") and name not in helped.stdout] == []
    given = dict(re.findall(r"^Environment=(VAULT_\w+)=(.*)$", unit.read_text(), re.MULTILINE))
    assert given.keys() <= _KNOWN
    settings = read_settings(given)
    assert int(value(unit, "TimeoutStopSec")) > settings.drain_seconds + settings.stop_seconds
    assert given["VAULT_DATA_DIR"] == f"/var/lib/{value(unit, 'StateDirectory')}"


def test_both_units_are_confined_in_the_same_way():
    """What one forbids, the other does."""
    server, worker = ([line for line in unit.read_text().splitlines() if "=" in line] for unit in UNITS)
    own = {"Description", "ExecStart"}
    assert [line for line in server if line.split("=")[0] not in own] == [
        line for line in worker if line.split("=")[0] not in own
    ]


def test_the_vault_works_without_memory_that_is_writable_and_executable(tmp_path: Path):
    """Uploaded, sealed and decoded, with every library that the vault has."""
    server = VaultProcess(tmp_path)
    serve = [sys.executable, "-m", "vault", "serve", "--port", str(server.port)]
    with process([sys.executable, "-c", CONFINED, *serve], server.log, **server.environment) as running:
        wait_until(server._ready, running, server.log, PATIENCE)
        headers = {"Authorization": f"Bearer {server.create_key()}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=30) as http:
            Tenant.open(http).uploaded(tone(0.5))

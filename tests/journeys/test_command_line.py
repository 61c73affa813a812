"""The command as people use it: completed by a shell, and a demo that is reached from outside of a container."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.servers.ports import free_ports
from tests.servers.processes import process
from tests.servers.vault_process import PATIENCE, ROOT, VaultProcess

#: Shows what a shell has for the words ``callvault keys cr``: by the function that it is given, or by the variables
#: with which that function calls the command.
SHELLS = {
    "bash": """
callvault --install-completion >/dev/null
. "$HOME/.bashrc"
COMP_WORDS=(callvault keys cr) COMP_CWORD=2
_callvault_completion callvault
printf '%s\n' "${COMPREPLY[@]}"
""",
    "zsh": """
_CALLVAULT_COMPLETE=source_zsh callvault | grep '^#compdef callvault' >/dev/null
_TYPER_COMPLETE_ARGS='callvault keys cr' _CALLVAULT_COMPLETE=complete_zsh callvault
""",
    "fish": """
_CALLVAULT_COMPLETE=source_fish callvault | grep '^complete --command callvault' >/dev/null
export _TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS='callvault keys cr'
_CALLVAULT_COMPLETE=complete_fish callvault
""",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands(tmp_path: Path, shell: str):
    """Of a group too, with what ``--install-completion`` writes."""
    command = tmp_path / "callvault"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vault "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", SHELLS[shell]],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "create" in done.stdout
    assert "revoke" not in done.stdout


def test_a_shell_completes_providers():
    """Those that begin with what was typed."""
    typed = {"_CALLVAULT_COMPLETE": "complete_bash", "COMP_WORDS": "callvault simulate tw", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "from vault.cli.main import main; main()"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **typed},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["twilio"]


def test_a_demo_is_reached_from_outside(tmp_path: Path):
    """With --host 0.0.0.0, as in a container: by each address of this machine, and its link by loopback."""
    server, log = VaultProcess(tmp_path), tmp_path / "demo.log"
    (port,) = free_ports(1)
    demo = [sys.executable, "-m", "vault", "demo", "--host", "0.0.0.0", "--port", str(port)]
    with process(demo, log, **server.environment) as running:
        deadline = time.monotonic() + 2 * PATIENCE
        while (link := re.search(r"^ *listen +(\S+)$", log.read_text(), re.MULTILINE)) is None:
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        path = link[1].removeprefix(f"http://127.0.0.1:{port}")
        for address in ("127.0.0.1", "127.0.0.2"):
            assert httpx.get(f"http://{address}:{port}{path}").status_code == 200

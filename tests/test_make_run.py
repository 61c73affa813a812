"""``make run`` installs what the vault needs to run and no more, in an environment of its own, and shows progress."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.servers.required import require
from vault.domain.playback.own_token import VERSION

ROOT = Path(__file__).parents[1]


@cache
def recipe() -> list[str]:
    """Return the commands of ``make run`` in an empty clone."""
    require("make", install="apt-get install make")
    environment = {"PATH": os.environ["PATH"]}
    planned = subprocess.run(
        ["make", "--dry-run", "--always-make", "run"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return planned.stdout.splitlines()


def test_it_installs_the_runtime_lock_alone() -> None:
    """The lock of the tests is four times as large, and a first call must not wait for it."""
    text = "\n".join(recipe())
    assert re.findall(r"[\w./-]*requirements[\w.-]*", text) == ["requirements.lock"]
    assert set(re.findall(r"\.venv[\w-]*", text)) == {".venv-run"}
    (install,) = [line for line in recipe() if " install " in line]
    assert "--require-hashes -r requirements.lock" in install
    runs, tests = (
        set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-test.lock")
    )
    assert runs < tests
    assert not {"pytest", "playwright", "mypy", "ruff", "moto"} & runs


def test_it_shows_progress() -> None:
    """Nothing is silent for minutes."""
    (install,) = [line for line in recipe() if " install " in line]
    assert "--progress-bar on" in install
    assert not re.search(r"--quiet|-q\b|>", install)


def test_the_readme_shows_what_it_prints() -> None:
    """Each line of the demonstration, in its order, and a link of the form that links have."""
    shown = re.search(r"`make run` prints:\n\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    names = [line.strip().split("  ")[0] for line in shown[1].splitlines()]
    source = (ROOT / "vault" / "cli" / "demo.py").read_text()
    said = {*re.findall(r"_say\(\s*\"([^\"]+)\"", source)}
    assert {*names} == said
    assert names[-1] == "console"
    assert f"/p/{VERSION}." in shown[1]


def test_the_command_that_it_makes_is_the_vaults(tmp_path: Path) -> None:
    """The pages call ``.venv-run/bin/callvault``: it runs from any folder, and completes its own name."""
    (writes,) = [line for line in recipe() if line.startswith("printf ")]
    (tmp_path / ".venv-run" / "bin").mkdir(parents=True)
    writes = writes.replace(f"{ROOT}/.venv-run/bin/python", sys.executable)
    subprocess.run(["sh", "-c", writes], cwd=tmp_path, check=True)
    command = tmp_path / ".venv-run" / "bin" / "callvault"
    command.chmod(0o755)
    said = subprocess.run(
        [command, "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Usage: callvault " in said.stdout, said.stderr

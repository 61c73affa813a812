"""The control socket: how far a long command is comes line by line, and an old database is left as it is."""

import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from vault.control.commands import ask
from vault.control.socket import control_socket, perform
from vault.domain.progress import ProgressCallback
from vault.errors import Invalid, Unavailable
from vault.services.backup.fsck import FsckPlace, FsckResult

COMPARE: dict[str, Any] = {"sample": 7, "rate": 0, "place": {}}


@dataclass
class Stub:
    """The few methods that an operator's command reaches here, of the vault, its subjects and their services."""

    old: bool = False
    shown: int = 3

    @property
    def node(self) -> "Stub":
        """Return what has ``recovery``."""
        return self

    @property
    def recovery(self) -> "Stub":
        """Return what has ``check``."""
        return self

    @property
    def backup(self) -> "Stub":
        """Return what has ``fsck``."""
        return self

    @property
    def fsck(self) -> "Stub":
        """Return what has ``part``."""
        return self

    async def check(self) -> bool:
        """Say what it was told to say."""
        return self.old

    async def part(
        self, place: FsckPlace, *, sample: int, rate: float, progress: ProgressCallback
    ) -> FsckResult:
        """Show how far it is, and find something."""
        assert place == FsckPlace()
        if rate < 0:
            raise Invalid("A rate is no less than zero.")
        for number in range(self.shown):
            await progress("recordings", number + 1, self.shown)
        return FsckResult(recordings=self.shown, opened=sample, findings=["rec_1: odd."])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the socket is: its path must be short."""
    return tmp_path / "s"


async def test_progress_comes_before_the_result(place: Path):
    """Each step once, in order; who does not ask for steps gets the result all the same."""
    shown: list[tuple[str, int, int]] = []

    async def progress(what: str, done: int, of: int) -> None:
        shown.append((what, done, of))

    vault: Any = Stub()
    async with control_socket(vault, place):
        found = {"recordings": 3, "opened": 7, "objects": 0, "findings": ["rec_1: odd."]}
        wanted = found | {"place": asdict(FsckPlace())}
        assert await ask(place, "fsck", COMPARE, progress) == wanted
        assert shown == [("recordings", 1, 3), ("recordings", 2, 3), ("recordings", 3, 3)]
        assert await ask(place, "fsck", COMPARE) == wanted
        with pytest.raises(Invalid, match="no less than zero"):
            await ask(place, "fsck", COMPARE | {"rate": -1}, progress)


async def test_one_who_leaves_ends_its_command_alone(place: Path):
    """The asker stops to listen in the middle: the next one is served."""

    async def leave(_what: str, _done: int, _of: int) -> None:
        raise InterruptedError

    vault: Any = Stub(shown=20_000)
    async with control_socket(vault, place):
        with pytest.raises(InterruptedError):
            await ask(place, "fsck", COMPARE | {"sample": 0}, leave)
        vault.shown = 1
        assert (await ask(place, "fsck", COMPARE | {"sample": 0}))["recordings"] == 1


@pytest.mark.parametrize(
    "command", ["keys.create", "export-key", "sweep", "log.head", "log.entries", "rotate.begin"]
)
async def test_an_old_database_is_left_as_it_is(command: str):
    """Whatever would write to it, or show it as if it were up to date, says how to bring it there."""
    vault: Any = Stub(old=True)
    with pytest.raises(Unavailable, match="callvault restore"):
        await perform(vault, command, {})
    assert await perform(vault, "hello", {}) is None
    assert (await perform(vault, "fsck", COMPARE | {"sample": 0}))["recordings"] == 3


def test_a_command_loads_no_server():
    """What a command starts with: neither database nor web framework nor services."""
    code = "import sys, vault.cli.main; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "vault.control.commands" in loaded
    assert loaded & {"sqlalchemy", "fastapi", "boto3", "vault.services.service"} == set()

"""The examples run as they are written, against a real server, and their check of a proof sees what was changed."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.required import require
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.tenant import tone

EXAMPLES = Path(__file__).parents[1] / "examples"
#: A proof has siblings only where the log has other entries.
ENTRIES = 9
#: Seconds that an example may take.
LONGEST = 60
COMMANDS = {"client.py": [sys.executable, "-I"], "client.mjs": ["node"]}
#: What marks a leaf of the tree, and a byte that marks nothing.
FORGED = {
    "client.py": ('b"\\0" + leaf', 'b"\\2" + leaf'),
    "client.mjs": ("Buffer.of(0), leaf", "Buffer.of(2), leaf"),
}
#: A link as it is printed, and as a page shortens it.
LINK = re.compile(r"http://127\.0\.0\.1:\d+/p/v1\.[\w-]+(…|\.[\w-]+)")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultProcess]:
    """A server for the examples."""
    with vault_process(tmp_path_factory.mktemp("examples")) as server:
        yield server


@pytest.fixture(scope="module")
def key(server: VaultProcess) -> str:
    """An API key, in a vault whose log has some entries already."""
    made = server.create_key()
    for number in range(ENTRIES):
        url = f"{server.url}/v1/accounts/other-{number}"
        httpx.put(url, json={}, headers={"Authorization": f"Bearer {made}"}).raise_for_status()
    return made


@pytest.fixture(params=sorted(COMMANDS))
def run(request: pytest.FixtureRequest, server: VaultProcess, tmp_path: Path) -> Run:
    """Run one of the examples with a key and an account of its own."""
    name = request.param
    if name == "client.mjs":
        require("node", install="apt-get install nodejs")
    (tmp_path / "audio.wav").write_bytes(tone(0.5))

    def run_it(key: str, *, forged: bool = False) -> subprocess.CompletedProcess[str]:
        copy, text = tmp_path / name, (EXAMPLES / name).read_text()
        if forged:
            assert FORGED[name][0] in text
            text = text.replace(*FORGED[name])
        copy.write_text(text)
        account = f"{name.replace('.', '-')}{'-forged' * forged}"
        command = [*COMMANDS[name], copy, server.url, key, account, tmp_path / "audio.wav"]
        return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)

    return run_it


def test_an_example_does_what_its_page_says(key: str, run: Run) -> None:
    """It prints the lines of the README, in that order, and every event is proved."""
    done = run(key)
    assert done.returncode == 0, done.stderr
    shown = re.search(r"```text\n(.*?)```", (EXAMPLES / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    wanted = [line.partition(": ") for line in shown[1].splitlines()]
    printed = [line.partition(": ") for line in done.stdout.splitlines()]
    assert [name for name, _, _ in printed] == [name for name, _, _ in wanted]
    for (name, _, value), (_, _, said) in zip(wanted, printed, strict=True):
        if name == "link":
            # The form of a token, and another vault and other random bytes.
            assert LINK.fullmatch(said), said
            assert LINK.fullmatch(value), value
        else:
            assert said.casefold() == value.casefold(), done.stdout


def test_an_example_says_what_is_wrong(run: Run) -> None:
    """A key that is not valid stops it with the sentence of the problem document."""
    done = run("cv_wrong")
    assert done.returncode != 0
    assert "401 This API key is not valid." in done.stderr


def test_a_changed_entry_is_not_proved(key: str, run: Run) -> None:
    """With another byte before each entry, no entry leads to the signed root."""
    done = run(key, forged=True)
    assert done.returncode == 0, done.stderr
    events = [line for line in done.stdout.splitlines() if line.startswith("event: ")]
    assert events
    assert all(line.endswith("NOT PROVED") for line in events)

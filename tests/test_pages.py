"""The commands of the pages run as they are written, page by page in the README's order, in one vault.

A page is Markdown. A block marked ``sh run`` is run, all of a page in one shell; ``python file=NAME`` is
written to that file first; ``json shown`` and ``text shown`` say what the block before printed, where an
ellipsis stands for anything.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.servers.ports import free_ports
from tests.servers.required import require
from tests.servers.vault_process import vault_process
from tests.shown_json import matches, read_printed, read_shown
from vault.settings import DEFAULT_PUBLIC_URL
from vault.simulator.registry import SIMULATED

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
#: In the order in which the README names them.
PAGES = [ROOT / name for name in dict.fromkeys(re.findall(r"\((docs/[\w-]+\.md)\)", README.read_text()))]
RUNNABLE = [page for page in (README, *PAGES) if "```sh run\n" in page.read_text()]
#: What the pages say for the server and the media server, which here are others.
SERVER, MEDIA = DEFAULT_PUBLIC_URL, "127.0.0.1:8090"
#: What the fixture puts into that folder beside what the pages write.
OURS = {"vault", "examples", "bin", "server.log"}
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROVIDER = re.compile(r'"provider": "(?!platform)\w+"')
ACCOUNT = re.compile(r"/v1/accounts/([\w-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server for the pages, in a folder that looks like a clone."""

    folder: Path
    url: str
    media: str


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """Run `callvault serve` as the pages say: in the folder of the clone, with everything at its default."""
    # Not pytest's own folder: the path of a control socket has at most about 100 characters.
    with tempfile.TemporaryDirectory() as made:
        folder, media = Path(made), f"127.0.0.1:{free_ports(1)[0]}"
        (folder / "vault").symlink_to(ROOT / "vault")
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "bin").mkdir()
        command = folder / "bin" / "callvault"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vault "$@"\n')
        command.chmod(0o755)
        own = {"VAULT_DATA_DIR": str(folder / "var"), "VAULT_MEDIA_ALLOW": media}
        # Not the limits that other tests have: a page shows the ones of a new vault.
        with vault_process(folder, **own, VAULT_ACCOUNT_LIMITS="") as server:
            yield Running(folder=folder, url=server.url, media=media)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment without settings, in which `callvault` and `python3` are those under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VAULT")}
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


def shell(script: str, running: Running) -> str:
    """Run a script like a pasting reader, but stop at the first error; returns what it printed."""
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=running.folder,
        env=environment(running.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as reader:
        try:
            printed, complained = reader.communicate(timeout=300)
        finally:
            # What the page started in the background ends with it, also when the page failed.
            with suppress(ProcessLookupError):
                os.killpg(reader.pid, signal.SIGKILL)
    assert reader.returncode == 0, f"{printed}\n{complained}"
    return printed


@pytest.mark.xdist_group("documentation")
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_what_can_be_pasted_works(page: Path, running: Running) -> None:
    """Every command of a page runs, after those of the pages before it, and prints what the page shows."""
    if "curl" in page.read_text():
        require("curl", install="apt-get install curl")
    text = page.read_text().replace(SERVER, running.url).replace(MEDIA, running.media)
    text = text.replace(f"http.server {MEDIA.split(':')[1]}", f"http.server {running.media.split(':')[1]}")
    script, shown = [], {}
    for language, word, body in BLOCK.findall(text):
        if word == "run":
            script.append(f"printf '\\x1e'\n{at_home(body, running)}")
        elif word.startswith("file="):
            (running.folder / word.removeprefix("file=")).write_text(at_home(body, running))
        elif word == "shown":
            shown[len(script) - 1] = (language, body)
    printed = shell("\n".join(script), running).split("\x1e")[1:]
    for index, (language, body) in shown.items():
        missing = missing_json if language == "json" else missing_lines
        assert missing(body, printed[index]) == [], f"{script[index]}\nprinted\n{printed[index]}"
    assert left_over(running.folder) == []


def left_over(folder: Path) -> list[str]:
    """Return what the pages wrote into the folder of the clone that Git would add: keys, links, cookies."""
    lines = (ROOT / ".gitignore").read_text().splitlines()
    ignored = [line.strip("/") for line in lines if line and not line.startswith("#")]
    names = sorted(path.name for path in folder.iterdir() if path.name not in OURS)
    return [name for name in names if not any(fnmatch(name, one) for one in ignored)]


def at_home(body: str, running: Running) -> str:
    """Keep the connections of a page from asking the providers themselves: their interface is where nobody is."""
    written = re.findall(rf"provider\W{{1,8}}(?:{'|'.join(SIMULATED)})\b", body)
    assert len(written) == len(PROVIDER.findall(body)), "a connection is written down in another way"
    return PROVIDER.sub(lambda said: f'{said[0]}, "api_base": "http://{running.media}"', body)


def missing_json(shown: str, printed: str) -> list[object]:
    """Return the objects of shown JSON that no answer has with the same nesting."""
    answers = list(read_printed(printed))
    return [wanted for wanted in read_shown(shown) if not any(matches(wanted, one) for one in answers)]


def missing_lines(shown: str, printed: str) -> list[str]:
    """Return the shown lines that were not printed."""
    there = [line.strip() for line in printed.splitlines()]
    return [line for line in shown.splitlines() if not any(fits(line.strip(), one) for one in there)]


def fits(wanted: str, actual: str) -> bool:
    """Say whether a text is the wanted one, in which an ellipsis stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, wanted.split("…"))), actual) is not None


def test_a_wrong_answer_would_be_seen() -> None:
    """The two comparisons find what differs: in a value, in a name, in the nesting, in a line."""
    printed = (
        'OK {"state":"on","call":{"from":"+1202"},"items":[{"n":1},{"n":2}],"seconds":34.04} {"next":null}'
    )
    right = [
        '{"state": "o…", …}', '{"call": {"from": …}}', '{"items": [{"n": 2}], "seconds": 34.…}', '{"items": […]}',
        '{"state": "on"}\n{"next": null}',
    ]  # fmt: skip
    wrong = [
        '{"state": "off"}', '{"from": "+1202"}', '{"items": [{"n": 2}, {"n": 1}]}', '{"items": {…}}', '{"stat": …}',
        '{"state": "on", "next": null}',
    ]  # fmt: skip
    assert [missing_json(one, printed) for one in right] == [[]] * len(right)
    assert [len(missing_json(one, printed)) for one in wrong] == [1] * len(wrong)
    assert missing_lines("HTTP/1.1 206 …\n", "HTTP/1.1 206 Partial Content\r\n") == []
    assert missing_lines("HTTP/1.1 206 …\n", "HTTP/1.1 200 OK\r\n") == ["HTTP/1.1 206 …"]


def test_no_page_spoils_another() -> None:
    """Each page has accounts of its own, so that a reader can follow them in any order, in one vault."""
    users = Counter(name for page in PAGES for name in set(ACCOUNT.findall("\n".join(runs(page)))))
    assert [name for name, pages in users.items() if pages > 1] == []


def test_no_page_waits_for_ever() -> None:
    """A loop that waits for a recording ends in every final state, and when the recording is not there."""
    for page in RUNNABLE:
        for loop in re.findall(r"^until .*state.*$", "\n".join(runs(page)), re.MULTILINE):
            ends = ("erased",) if "erased" in loop else ("available", "quarantined", "refused", "failed")
            if "/requests/" in loop:
                ends = ("fulfilled", "partly_fulfilled", "waits_for_hold", "denied", "withdrawn")
            assert [word for word in (*ends, '"status": 4') if word not in loop] == [], page.name


def runs(page: Path) -> list[str]:
    """Return the blocks of a page that are run."""
    return [body for _, word, body in BLOCK.findall(page.read_text()) if word == "run"]

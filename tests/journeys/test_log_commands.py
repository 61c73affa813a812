"""The log on the command line: exported beside a running server or without one, and verified with nothing.

``callvault rules show``: the rule book on the command line, without a vault.
"""

import re
from pathlib import Path

import httpx
import pytest

from tests.journeys.test_commands import kept, stopped  # noqa: F401 - fixtures
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant, open_link, tone
from vault.cli.log import read_verifier
from vault.errors import Invalid, Unavailable

RIGHT = "Every hash, the root and the signature are right."


def verify(server: VaultProcess, *arguments: str | Path, **environment: str):
    """Run `callvault verify-log` without any setting of a vault."""
    clean = VaultProcess(server.folder, port=server.port)
    return clean.command("verify-log", *map(str, arguments), **environment)


@pytest.fixture
def heard(tenant: Tenant, browser: httpx.Client) -> Tenant:
    """An account whose recording was listened to."""
    recording = tenant.uploaded(tone(0.5))
    opened = open_link(browser, tenant.link(recording)["url"])
    assert browser.get(f"{opened.headers['location']}/audio").status_code == 200
    return tenant


def test_the_operator_exports_everything(server: VaultProcess, heard: Tenant, tmp_path: Path):
    """Through the control socket while the server runs; the file verifies, under the key of the door."""
    exported = server.command("log", "export")
    assert (exported.returncode, exported.stderr) == (0, "")
    file = tmp_path / "log"
    assert server.command("log", "export", "--output", str(file)).returncode == 0
    assert file.read_text().splitlines()[:2] == exported.stdout.splitlines()[:2]
    assert " hash " not in file.read_text()
    key = httpx.get(f"{server.url}/v1/access-log/key").text
    (tmp_path / "key").write_text(key)
    for known in (key.strip(), str(tmp_path / "key")):
        verified = verify(server, file, "--key", known)
        assert verified.returncode == 0, verified.stderr
        assert RIGHT in verified.stdout
        assert "named by the export itself" not in verified.stdout
    assert "named by the export itself" in verify(server, file).stdout


def test_a_tenant_verifies_by_url_and_by_file(server: VaultProcess, heard: Tenant, tmp_path: Path):
    """With an API key for the door, and against a checkpoint that was kept from before."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.write_bytes(httpx.get(f"{server.url}/v1/access-log/checkpoint").content)
    heard.link(heard.events()[-1]["recording"], listener="later")
    url = server.url + heard.url("/access-log/export")
    bearer = heard.http.headers["authorization"].removeprefix("Bearer ")
    verified = verify(server, url, "--checkpoint", checkpoint, CALLVAULT_API_KEY=bearer)
    assert verified.returncode == 0, verified.stderr
    assert "with 1 earlier checkpoints" in verified.stdout
    assert f"{len(heard.events())} of them in full" in verified.stdout
    refused = verify(server, url)
    assert (refused.returncode, refused.stderr) == (
        1,
        "callvault: The export was answered with status 401.\n",
    )


def test_a_stopped_vault_exports_and_the_first_bad_entry_is_named(stopped: VaultProcess, tmp_path: Path):  # noqa: F811 - the fixture
    """Without a server the command opens the data itself; what is done to the file is found, with status 1."""
    file, bad = tmp_path / "log", tmp_path / "bad"
    assert stopped.command("log", "export", "--output", str(file)).returncode == 0
    assert verify(stopped, file).returncode == 0
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) > 6
    place = next(n for n, line in enumerate(lines) if line.startswith(b"leaf 2 "))
    for changed, words in {
        b"".join([*lines[:place], *lines[place + 1 :]]): "Entry 2 is missing: entry 3 is in its place.",
        b"".join([*lines[: place + 1], *lines[place:]]): "Entry 2 is repeated in the place of entry 3.",
        b"".join(lines[:place]): f"Entry 2 is missing: the checkpoint covers {len(lines) - 3}.",
        b"".join([*lines[:place], lines[place][:-4] + b"AAA\n", *lines[place + 1 :]]): "Entry 2 was changed",
        b"".join(lines[1:]): "The file is not a log file of this version.",
    }.items():
        bad.write_bytes(changed)
        found = verify(stopped, bad)
        assert found.returncode == 1
        assert found.stdout == ""
        assert found.stderr.startswith(f"callvault: {words}"), found.stderr


@pytest.mark.parametrize("place", ["nowhere/log", "."])
def test_an_export_that_cannot_be_written_is_one_sentence(server: VaultProcess, tmp_path: Path, place: str):
    """A folder that is missing, and one in the place of the file."""
    refused = server.command("log", "export", "--output", str(tmp_path / place))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(r"callvault: \S+ could not be written: .+\.\n", refused.stderr)


def test_a_file_or_key_that_is_none_is_one_sentence(server: VaultProcess, tmp_path: Path):
    """What cannot be read or verified ends with status 1, and without a traceback."""
    file = tmp_path / "log"
    assert server.command("log", "export", "--output", str(file)).returncode == 0
    wrong = "other.example/log+8c194eef+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    for arguments in (
        (tmp_path / "nothing",),
        (file, "--key", "no key"),
        (file, "--key", wrong),
        (file, "--checkpoint", tmp_path / "nothing"),
        (file, "--checkpoint", file),
        ("http://127.0.0.1:1/export",),
    ):
        found = verify(server, *arguments)
        assert (found.returncode, found.stdout) == (1, ""), arguments
        assert found.stderr.startswith("callvault: ")
        assert found.stderr.count("\n") == 1


def test_a_key_file_that_is_missing_is_named(tmp_path: Path):
    """Its path looked like a key that is not valid."""
    with pytest.raises(Unavailable, match=r"nosuch\.key could not be read"):
        read_verifier(str(tmp_path / "nosuch.key"))
    with pytest.raises(Invalid, match="is not a verifier key"):
        read_verifier("log+abcd+notakey")


@pytest.fixture
def nowhere(tmp_path: Path) -> VaultProcess:
    """A server that does not run, over a data directory that is not there."""
    return VaultProcess(tmp_path)


WORDS = {
    "us-wa": ["Washington (US-WA) asks for the consent of all parties; an announcement counts only if it"],
    "UK": [
        "The United Kingdom (GB) asks for a notice to all parties. Source: ",
        "Note: Many pages still cite",
    ],
    "US-PR": [
        "The rule book has no row for US-PR, so that of US applies.",
        "An unknown state of the United States (US) asks for the consent of all parties; ",
        "Note: Published counts of all-party states differ",
    ],
    "XX": [
        "The rule book has no row for XX, so the strict default applies.",
        "An unknown place (XX): no default is shipped, and the account must choose. Until then ",
        "Note: A notice before the recording",
    ],
    "*": ["An unknown place (*): no default is shipped", "Note: A notice before the recording"],
}


@pytest.mark.parametrize("place", WORDS)
def test_a_rule_is_shown_in_sentences(nowhere: VaultProcess, place: str):
    """With its source, note and version; a place without a row says whose rule holds. Nothing is set up."""
    shown = nowhere.command("rules", "show", place)
    assert (shown.returncode, shown.stderr) == (0, "")
    *lines, last = shown.stdout.splitlines()
    assert [line[: len(begin)] for line, begin in zip(lines, WORDS[place], strict=True)] == WORDS[place]
    assert "This is not legal advice." in shown.stdout
    assert last == "Rule book 2026.11.1."
    assert not nowhere.data_dir.exists()


def test_without_a_place_every_row_is_listed(nowhere: VaultProcess):
    """Place, consent, confidence and name, the unknown first."""
    shown = nowhere.command("rules", "show")
    assert shown.returncode == 0
    *rows, last = shown.stdout.splitlines()
    cells = [row.split(maxsplit=3) for row in rows]
    assert cells[0] == ["*", "all", "none", "An unknown place"]
    assert ["US-WA", "all", "high", "Washington"] in cells
    assert ["US-DE", "all", "contested", "Delaware"] in cells
    places = [row[0] for row in cells]
    assert places == sorted(places)
    assert len(places) == 98
    assert last == "Rule book 2026.11.1. This is not legal advice."


@pytest.mark.parametrize("place", ["xyz!", "France", "US_WA", ""])
def test_what_is_no_place_is_one_sentence(nowhere: VaultProcess, place: str):
    """Status 1, nothing on standard output, and no traceback."""
    refused = nowhere.command("rules", "show", place)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "callvault: A place is a country such as FR, a state such as US-WA, or * for the unknown.\n"
    )

"""``callvault rules show``: the rule book on the command line, without a vault."""

from pathlib import Path

import pytest

from tests.servers.vault_process import VaultProcess


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

"""The receipt of a closure, as the command and the console's page verify it: it counts, and names no recording."""

from pathlib import Path

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import PERSON, receipt, recorded
from tests.services.requests.proving import KEY, closed
from tests.support.service_house import House
from vault.cli.receipt import verify_receipt_file
from vault.domain.requests.request import RequestState
from vault.errors import VaultError
from vault.web.console.audit_log import log


async def _closure_receipt(house: House, folder: Path) -> Path:
    for call_ref in ("call-1", "call-2"):
        await recorded(house, call_ref)
    closure = await closing(house)
    assert await work(house) is RequestState.FULFILLED
    file = folder / "receipt.json"
    file.write_bytes(await receipt(house, closure))
    return file


async def test_the_command_and_the_page_verify_the_receipt_of_a_closure(
    either: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Both say how many recordings were erased, and the command what else the closure ended."""
    file = await _closure_receipt(either, tmp_path)
    verify_receipt_file(file, key=KEY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == [
        "recordings   2 erased, 0 left",
        "calls        0 left",
        "export       none",
        "keys         destroyed: 1",
    ]
    assert "recordings: 2;" in log._verify({"file": file.read_bytes()}, KEY)
    with pytest.raises(VaultError, match="leave out --number"):
        verify_receipt_file(file, key=KEY, number=PERSON)


async def test_the_command_and_the_page_count_the_recordings_of_a_person_alike(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A person's receipt names its recordings; their number is that of the lines."""
    file = tmp_path / "receipt.json"
    file.write_bytes(await closed(house))
    verify_receipt_file(file, key=KEY, number=PERSON)
    shown = capsys.readouterr().out.count("recording    ")
    assert shown > 0
    assert f"recordings: {shown};" in log._verify({"file": file.read_bytes()}, KEY)

"""A receipt is refused after any single byte was changed: every byte is tried, with both verifiers and the command."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from examples import verify_receipt as script
from tests.services.requests.proving import KEY, closed, is_refused
from tests.support.counts import count
from tests.support.service_house import SIGNER, House
from vault.cli.receipt import verify_receipt_file
from vault.errors import Tampered
from vault.tlog.receipt_file import verify_receipt

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]


async def test_case_29_a_receipt_is_refused_after_any_byte_was_changed(pair: House):
    """Every byte of the file is tried, with the lowest bit and the case bit changed; unchanged it is right."""
    file = await closed(pair)
    assert script.verify(file, KEY) == verify_receipt(file, verifier=SIGNER.verifier).statement
    assert script.verify(file) == verify_receipt(file).statement
    bits = [0, 5, 1, 2, 3, 4, 6, 7][: count("bits of every byte of a receipt changed", small=2, full=8)]

    def change_each_byte() -> None:
        for changed in _changed(file, bits):
            assert is_refused(changed), changed
        assert is_refused(file + b"\n")
        assert is_refused(file[:-1])

    await asyncio.to_thread(change_each_byte)


async def test_the_command_refuses_a_receipt_after_any_byte_was_changed(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """What the command does with each file; it prints nothing of a receipt that it refuses."""
    file, path = await closed(house), tmp_path / "receipt.json"
    bits = [0, 5, 1, 2, 3, 4, 6, 7][: count("bits of every byte, by the command", small=1, full=8)]
    path.write_bytes(file)
    verify_receipt_file(path, key=KEY)
    assert "are right" in capsys.readouterr().out

    def refuse(changed: bytes) -> None:
        path.write_bytes(changed)
        with pytest.raises(Tampered):
            verify_receipt_file(path, key=KEY)

    await asyncio.to_thread(_each, refuse, _changed(file, bits))
    assert capsys.readouterr().out == ""


def _changed(file: bytes, bits: list[int]) -> list[bytes]:
    """Return the file with each bit of each byte changed in turn."""
    places = range(len(file))
    return [file[:at] + bytes([file[at] ^ (1 << bit)]) + file[at + 1 :] for bit in bits for at in places]


def _each(check: Callable[[bytes], None], files: list[bytes]) -> None:
    for file in files:
        check(file)

"""A receipt is refused after any single byte was changed: every byte is tried, with both verifiers."""

import asyncio

from examples import verify_receipt as script
from tests.services.requests.proving import KEY, closed, is_refused
from tests.support.service_house import SIGNER, House
from vault.tlog.receipt_file import verify_receipt


async def test_case_29_a_receipt_is_refused_after_any_byte_was_changed(house: House):
    """Every byte of the file is tried, with the lowest bit and the case bit changed; unchanged it is right."""
    file = await closed(house)
    assert script.verify(file, KEY) == verify_receipt(file, verifier=SIGNER.verifier).statement
    assert script.verify(file) == verify_receipt(file).statement

    def change_each_byte() -> None:
        for place in range(len(file)):
            for bit in (1, 32):
                changed = file[:place] + bytes([file[place] ^ bit]) + file[place + 1 :]
                assert is_refused(changed), place
        assert is_refused(file + b"\n")
        assert is_refused(file[:-1])

    await asyncio.to_thread(change_each_byte)

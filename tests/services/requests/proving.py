"""The receipt of a request about one recording, and both verifiers of it."""

import pytest

from examples import verify_receipt as script
from tests.services.requests.people import ask, carried_out, decide, receipt, recorded
from tests.support.service_house import SIGNER, House
from vault.errors import Tampered
from vault.tlog.receipt_file import verify_receipt

KEY = SIGNER.verifier.write()


async def closed(house: House, code: str = "erased", **more: str) -> bytes:
    """Return the receipt of a request about one recording."""
    await recorded(house, "call-1")
    view = await ask(house)
    await decide(house, view.request.id, code, **more)
    await carried_out(house, view.request.id)
    return await receipt(house, view.request.id)


def is_refused(data: bytes) -> bool:
    """Return whether both verifiers refuse a receipt."""
    with pytest.raises(Tampered):
        verify_receipt(data, verifier=SIGNER.verifier)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the script is 40 lines: any exception is a refusal
        script.verify(data, KEY)
    return True

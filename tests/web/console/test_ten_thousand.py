"""Ten thousand recordings and links: a page of a list stays light, and whole on a phone.

``tests/web/test_growth.py`` counts what each page asks of the database as an account grows; here is what is sent.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from secrets import token_bytes, token_hex
from typing import Any, Final

import pytest
from playwright.sync_api import Browser
from sqlalchemy import insert, select

from tests.support.console import violations
from tests.support.console_album import Album, sign_in_with_key, stranger
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House
from vault.database.schema.core import links, recordings
from vault.database.stores.playback.hot_reads import RECORDING, read_recording
from vault.database.stores.recordings.recording_keys import keys_of
from vault.database.stores.short_form import shorten
from vault.database.transaction import Transaction
from vault.domain.stored import encryption_context as bound
from vault.sealing.keys import NamedKey, recording_key
from vault.sealing.message import open_message, seal
from vault.sealing.wrapping import wrap
from vault.services.shared.encrypted_fields import key_that_sealed, open_recording

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console ten thousand")]
ROWS: Final = 10_000
#: Rows of one write: on a busy machine a call of the house still ends well within its time.
_PIECE: Final = 500
#: Bytes of a page of 50 rows.
MOST: Final = 120_000
LISTS: Final = ("overview", "recordings", "quarantine", "recording", "people", "usage", "log")


@pytest.fixture(scope="module")
def album(house: House, browser: Browser) -> Iterator[Album]:
    """An account with ten thousand recordings, as many in quarantine, and links to one of them."""
    account = example_account(house)
    for first in range(1, ROWS + 1, _PIECE):
        numbers = range(first, first + _PIECE)
        for call in ("call-20417", "call-20416"):
            house.call(_copy_recording, house, account, account.ids[call], numbers)
        house.call(_copy_link, house, account, numbers)
    with stranger(browser) as page:
        album = Album(house, account, browser, page)
        sign_in_with_key(album, page, account.tenant.name)
        yield album


async def _copy_recording(house: House, account: ExampleAccount, recording_id: str, numbers: range) -> None:
    """Make recordings as the one, each so many minutes older and sealed for itself."""
    account_id, ring = account.tenant.id, house.vault.requests.receipts.ring
    (row,) = await house.vault.database.fetch(RECORDING, id=recording_id, account_id=account_id)
    found = read_recording(row)
    assert found.keys is not None
    opened = await open_recording(ring, found.recording, found.keys)
    outer = await key_that_sealed(ring, account_id, found.keys.key_version, found.keys.month_key)

    def sealed(row: Mapping[str, Any], secret: bytes, details: bytes) -> dict[str, Any]:
        made = f"rec_{token_hex(16)}"
        context = bound.of_recording(account_id, made, "details", row["evidence"])
        message = seal(recording_key(made, secret), context, details)
        return {
            "id": made,
            "recording_ref": token_hex(8),
            "wrapped_key": wrap(outer, secret, bound.of_recording_key(account_id, made)),
            "sealed_details": shorten(message, account_id, made, "details"),
            "sealed_waveform": None,
        }

    def copy(tx: Transaction) -> None:
        row = (
            tx.connection.execute(select(recordings).where(recordings.c.id == recording_id)).mappings().one()
        )
        context = bound.of_recording(account_id, recording_id, "details", row["evidence"])
        keys = keys_of(tx.connection, recording_id)
        assert keys is not None
        assert keys.details is not None
        details = open_message(opened.key, keys.details, context=context)
        rows = [
            {
                **row,
                **sealed(dict(row), opened.key.secret, details),
                "received_at": row["received_at"] - timedelta(minutes=number),
            }
            for number in numbers
        ]
        tx.connection.execute(insert(recordings), rows)

    await house.vault.database.write(copy)


async def _copy_link(house: House, account: ExampleAccount, numbers: range) -> None:
    """Make links as the account's first one, each for a listener of its own."""
    account_id = account.tenant.id
    key = await house.vault.requests.receipts.ring.version(account_id, 1)

    def copy(tx: Transaction) -> None:
        row = tx.connection.execute(select(links).where(links.c.account_id == account_id)).mappings().first()
        assert row is not None
        rows = [
            {**row, **_sealed_link(key.key, account_id, number), "created_at": row["created_at"]}
            for number in numbers
        ]
        tx.connection.execute(insert(links), rows)

    await house.vault.database.write(copy)


def _sealed_link(key: NamedKey, account_id: str, number: int) -> dict[str, Any]:
    made = f"link_{token_hex(16)}"
    listener = f"Listener {number}".encode()
    return {
        "id": made,
        "token_hash": token_bytes(32),
        "sealed_listener": seal(key, bound.of_listener(account_id, made), listener),
    }


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_ten_thousand_is_a_page(album: Album, name: str):
    """Light, whole at 390 px, and without a finding of the checker."""
    with album.opened(name) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        assert len(page.content().encode()) < MOST
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(page) == []

"""Files to verify are read one at a time, so that several large ones keep nobody else waiting."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import pytest

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.errors import Tampered
from vault.web.console.audit_log import log


def test_one_file_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch):
    """Six together, as a browser sends them, each answered in the language of its page."""
    tenant = Tenant.open(house.admin)
    client, most = sign_in(house, tenant.name), list[int]()
    counting, running = threading.Lock(), 0

    def verify(*_: Any, **__: Any) -> NoReturn:
        nonlocal running
        with counting:
            running += 1
            most.append(running)
        threading.Event().wait(0.05)
        with counting:
            running -= 1
        raise Tampered("It is none.")

    monkeypatch.setattr(log, "verify_receipt", verify)
    url = f"/console/accounts/{tenant.name}/log/verify"

    def send(_: int) -> int:
        return client.post(url, files={"file": ("receipt.json", b"{}")}).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(send, range(6))) == {422}
    assert most == [1] * 6

"""An account in which acts are repeated, and what each read and act of it costs: counted, never timed."""

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Final

import httpx
import phonenumbers
import pytest
from sqlalchemy import Engine, event

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.telephony.numbering import number_plans

#: Items of a page.
LIMIT: Final = 5
#: Of what is done several times the cheapest counts: work of the background only adds.
TIMES: Final = 3


@dataclass
class Cost:
    """What one request cost."""

    #: Rows decrypted, and the most of them in one turn of the event loop.
    rows: int = 0
    in_one_turn: int = 0
    statements: int = 0
    #: Texts that libphonenumber parsed.
    parses: int = 0
    #: Bytes of the answer.
    size: int = 0

    def least(self, other: "Cost") -> "Cost":
        """Return the smaller of each count."""
        return Cost(*(min(getattr(self, one.name), getattr(other, one.name)) for one in fields(Cost)))


@dataclass(frozen=True)
class Operation:
    """An operation of the contract."""

    name: str
    method: str
    path: str
    #: The items of its longest page; None where it has no pages.
    page: int | None


def operations(house: House) -> dict[str, Operation]:
    """Return all operations of the contract, by name."""
    found = {}
    for path, methods in house.app.openapi()["paths"].items():
        for method, said in methods.items():
            limits = [one["schema"] for one in said.get("parameters", ()) if one["name"] == "limit"]
            page = limits[0]["maximum"] if limits else None
            found[said["operationId"]] = Operation(said["operationId"], method.upper(), path, page)
    return found


class Meter:
    """Counts what the app decrypts, by turns of its loop, what it asks of its database, and the numbers it parses."""

    def __init__(self, house: House) -> None:
        """Count nothing yet."""
        self._house = house
        self._turns, self._turn, self._in_turn = 0, 0, 0
        self.cost = Cost()

    def decrypts(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a decryption that is counted."""

        def decrypt(*arguments: Any, **named: Any) -> Any:
            self.cost.rows += 1
            if threading.current_thread().name == "app":
                self._in_turn = self._in_turn + 1 if self._turns == self._turn else 1
                self._turn = self._turns
                self.cost.in_one_turn = max(self.cost.in_one_turn, self._in_turn)
            return original(*arguments, **named)

        return decrypt

    def parses(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a parser that is counted."""

        def parse(*arguments: Any, **named: Any) -> Any:
            self.cost.parses += 1
            return original(*arguments, **named)

        return parse

    def executed(self, *_: Any) -> None:
        """Count a statement."""
        self.cost.statements += 1

    async def _tick(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(0)

    @contextmanager
    def measured(self) -> Iterator[Cost]:
        """Count from zero to the end of the block, as in a process that remembers no number."""
        number_plans._read.cache_clear()
        number_plans._readings.cache_clear()
        self.cost = Cost()
        ticking = asyncio.run_coroutine_threadsafe(self._tick(), self._house.loop)
        event.listen(Engine, "before_cursor_execute", self.executed)
        try:
            yield self.cost
        finally:
            event.remove(Engine, "before_cursor_execute", self.executed)
            ticking.cancel()


@contextmanager
def metered(house: House) -> Iterator[Meter]:
    """Count every decryption of the app, in whatever module it is called, and every number that it parses."""
    meter = Meter(house)
    original = sys.modules["vault.sealing.message"].open_message  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        for module in [one for name, one in sys.modules.items() if name.startswith("vault.services")]:
            if getattr(module, "open_message", None) is original:
                patch.setattr(module, "open_message", meter.decrypts(original))
        patch.setattr(phonenumbers, "parse", meter.parses(phonenumbers.parse))
        yield meter


@dataclass
class Grown:
    """An account, what grew in it, and what its acts cost at this size."""

    house: House
    tenant: Tenant
    #: Somebody else with every right, who can decide on what the tenant's key asks for.
    second: httpx.Client
    #: Somebody who listens.
    browser: httpx.Client
    meter: Meter
    contract: Mapping[str, Operation]
    #: By path parameter.
    ids: dict[str, str]
    made: int = 0
    #: Whether what is done now is measured.
    is_measured: bool = False
    #: By act, and by a word where one act is done to several things.
    costs: dict[str, Cost] = field(default_factory=dict)
    #: By read: items of each size.
    items: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    #: The acts that were done, by name.
    done: set[str] = field(default_factory=set)

    def address(self, operation: str, /, **ids: str) -> str:
        """Return where an operation is."""
        path = self.contract[operation].path
        for parameter, value in (self.ids | ids).items():
            path = path.replace("{" + parameter + "}", value)
        assert "{" not in path, path
        return path

    def act(
        self, name: str, of: str = "", /, *, http: httpx.Client | None = None, status: int = 0, body: Any = None,
        headers: Mapping[str, str] | None = None, content: bytes | None = None, params: Any = None, **ids: str,
    ) -> dict[str, Any]:  # fmt: skip
        """Do an act of the contract; ``status`` where it must not be a success. Return the answer."""
        http = http or self.tenant.http

        def send() -> httpx.Response:
            return http.request(
                self.contract[name].method, self.address(name, **ids),
                json=body, headers=headers, content=content, params=params,
            )  # fmt: skip

        answer = self.counted(name, of, send)
        good = answer.status_code == status if status else answer.status_code < 300
        assert good, (name, of, answer.status_code, answer.text)
        return dict(answer.json()) if answer.content else {}

    def counted(self, name: str, of: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Do an act, and note what it costs if this is measured."""
        self.done.add(name)
        if not self.is_measured:
            return send()
        with self.meter.measured() as cost:
            answer = send()
        cost.size = len(answer.content)
        row = f"{name} {of}".strip()
        self.costs[row] = cost.least(self.costs[row]) if row in self.costs else cost
        return answer

    def read(self, name: str, of: str = "", /, **ids: str) -> Cost:
        """Measure a read, a page of LIMIT where there are pages; return what it cost."""
        row = f"{name} {of}".strip()
        self.costs.pop(row, None)
        asked = {"limit": LIMIT} if self.contract[name].page else {}
        self.is_measured = True
        for _ in range(TIMES):
            answer = self.counted(name, of, lambda: self._get(name, asked, ids, row))
            assert answer.status_code == 200, (name, answer.text)
        self.is_measured = False
        return self.costs[row]

    def count_items(self, name: str, list_field: str) -> int:
        """Return how many items a list has, on all its pages."""
        page, counted, cursor = self.contract[name].page, 0, dict[str, Any]()
        while True:
            answer = self._get(name, ({"limit": page} if page else {}) | cursor, {})
            assert answer.status_code == 200, (name, answer.text)
            shown = answer.json()
            counted += len(shown[list_field])
            if shown.get("has_more"):
                cursor = {"after": shown["next"]}
            elif shown.get("next_cursor") is not None:
                cursor = {"cursor": shown["next_cursor"]}
            else:
                return counted

    def _get(
        self, name: str, asked: Mapping[str, Any], ids: Mapping[str, str], row: str = ""
    ) -> httpx.Response:
        address = self.address(name, **(_NAMES.get(name, {}) | dict(ids)))
        own = _ASKED.get(row, _ASKED.get(name, {}))
        return self.tenant.http.get(address, params=own | dict(asked))

    def upload(self, of: str = "", **ids: str) -> str:
        """Upload a recording, and describe it; return its id."""
        recording: str = self.act("put_recording", of, content=AUDIO, **ids)["id"]
        self.work("describe")
        assert self._get("get_recording", {}, {"recording": recording}).json()["state"] == "available"
        return recording

    def work(self, job: str) -> None:
        """Do a job until nothing is left of it; what its first step costs is an act's cost."""
        step = getattr(self.house.vault.jobs, job)
        if self.is_measured:
            with self.meter.measured() as cost:
                self.house.call(step)
            row = f"job {job}"
            self.costs[row] = cost.least(self.costs[row]) if row in self.costs else cost
        while self.house.call(step):
            pass


#: What some reads are asked.
_ASKED: Final[dict[str, dict[str, Any]]] = {
    "list_calls": {"number": "+12025550100"},
    "list_calls changed": {"changed_since": "0"},
    "list_recordings changed": {"changed_since": 0},
    "get_transparency_report": {"year": 2026},
    "get_consistency": {"from": 1, "to": 2},
}
#: What they name, where several operations have a parameter of one name.
_NAMES: Final = {"get_link_key": {"name": "k0"}, "get_sign_in_connection": {"name": "idp0"}}

"""What grows: acts repeated n, 2n and 4n times on the same objects, then every read of the contract.

Counted, not timed: rows decrypted, rows decrypted in one turn of the event loop, and bytes of the answer. A page of
5 costs the same however long its list is, and nothing decrypts many rows without a turn for others.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from tests.support.counts import count
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.database.stores.links import LinkRows
from vault.services.consent import record_consent
from vault.services.lifecycle import evidence_chain
from vault.services.shared import paced

LIMIT: Final = 5
#: A turn of the loop decrypts a batch, and what else runs in it beside.
IN_ONE_TURN: Final = paced.BATCH + 30
#: By operation: what a read costs with 4n grows by less than this, and not at all in its order.
SLACK: Final = 1.5
_WHOLE = "whole by design; the rows are decrypted in turns"
#: Reads whose cost may grow, and why. Rows in one turn are bounded for them too.
MAY_GROW: Final = {
    "get_call": "the decision reads the facts of the call's recordings, and at most 200 facts",
    "list_recordings": "each of a page joins the facts of its call, at most 200",
    "get_recording": "joins the facts of its call, at most 200",
    "list_calls": "each of a page joins the facts of its call, at most 200",
    "get_recording_history": _WHOLE,
    "get_evidence": "a chain has a maximum, by that of facts and consent events",
    "get_retention": "joins the facts of its call, at most 200",
    "export_access_log": "a stream",
    "get_processing_record": _WHOLE,
    "get_transparency_report": _WHOLE,
    "list_connections": "an account has at most 200",
    "list_recording_notes": "a key has at most 100 on a recording",
}
_ONE = "one object of a size with a maximum"
_NONE = "has none here; its list cannot grow, as tests/web/test_list_pages.py says"
#: Reads that this account has nothing for, or that show one object.
NOT_GROWN: Final = dict.fromkeys(
    ("list_accounts", "get_connection", "get_limits", "get_audio", "get_waveform", "get_notice", "get_prompt",
     "get_hold", "get_recipient", "get_authority_request", "list_rules", "get_rule", "get_log_key"), _ONE,
) | dict.fromkeys(
    ("get_closure", "get_request", "list_requests", "get_request_receipt", "get_request_package_parts",
     "get_request_package", "get_request_callback", "list_link_keys", "get_link_key", "get_approval", "list_approvals",
     "get_approval_rule", "get_key_rotation", "get_key_statement", "get_own_key", "get_sign_in_connection",
     "list_sign_in_connections", "list_members", "list_console_sessions", "list_former_notes",
     "get_retention_policy", "get_retention_history"), _NONE,
) | dict.fromkeys(
    ("get_access_event_proof", "get_checkpoint", "get_consistency"), "as many hashes as the tree has levels"
)  # fmt: skip


@dataclass
class Cost:
    """What one request cost."""

    rows: int = 0
    in_one_turn: int = 0
    statements: int = 0
    size: int = 0


class Meter:
    """Counts the rows that the app decrypts, by turns of its loop, and the statements of its database."""

    def __init__(self, house: House) -> None:
        """Count nothing yet."""
        self._house = house
        self._turns, self._turn, self._in_turn = 0, 0, 0
        self.cost = Cost()

    def noted(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a decryption that is counted."""

        def decrypt(*arguments: Any, **named: Any) -> Any:
            self.cost.rows += 1
            if threading.current_thread().name == "app":
                self._in_turn = self._in_turn + 1 if self._turns == self._turn else 1
                self._turn = self._turns
                self.cost.in_one_turn = max(self.cost.in_one_turn, self._in_turn)
            return original(*arguments, **named)

        return decrypt

    def executed(self, *_: Any) -> None:
        """Count a statement."""
        self.cost.statements += 1

    async def _tick(self) -> None:
        while True:
            self._turns += 1
            await asyncio.sleep(0)

    @contextmanager
    def measured(self) -> Iterator[Cost]:
        """Count from zero to the end of the block."""
        self.cost = Cost()
        ticking = asyncio.run_coroutine_threadsafe(self._tick(), self._house.loop)
        event.listen(Engine, "before_cursor_execute", self.executed)
        try:
            yield self.cost
        finally:
            event.remove(Engine, "before_cursor_execute", self.executed)
            ticking.cancel()


@dataclass
class Grown:
    """An account, what grew in it, and what its reads and acts cost at each size."""

    house: House
    tenant: Tenant
    meter: Meter
    #: By path parameter.
    ids: dict[str, str]
    made: int = 0

    def send(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        """Act."""
        answer = self.tenant.http.request(method, self.tenant.url(path), **said)
        assert answer.status_code < 300, (method, path, answer.text)
        return dict(answer.json()) if answer.content else {}

    def grow(self, number: int) -> None:
        """Do every act once more."""
        recording = self.ids["recording"]
        call = _CALL | {"agent": f"agent {number}"}
        self.send("PUT", "/calls/grown", json=call)
        self.send("POST", "/calls/grown/consent", json=_CONSENT)
        self.send("POST", f"/recordings/{recording}/links", json={"listener": f"Kim {number}"})
        self.send("PUT", f"/objections/%2B4930{number:07d}")
        self.send("PUT", "/objections/%2B33612345678")
        self.send("DELETE", "/objections/%2B33612345678")
        self.ids["notice"] = self.send("POST", "/notices", json=_NOTICE | {"text": f"Notice {number}"})["id"]
        self.send("POST", "/link-cuts", json={"listener": f"Kim {number}"})
        self.ids["hold"] = self.send("POST", "/holds", json=_hold(number))["id"]
        self.ids["recipient"] = self.send("POST", "/recipients", json=_RECIPIENT | {"name": f"R{number}"})[
            "id"
        ]
        self.ids["authority_request"] = self.send("POST", "/authority-requests", json=_AUTHORITY)["id"]
        self.send("PATCH", "/consent-policy", json={"quarantine_days": 1 + number % 300})
        self.send("PUT", "/recording-switch", json={"enabled": False})
        self.send("PUT", "/recording-switch", json={"enabled": True})
        self.house.key_for(self.tenant.name, "recordings:read")
        if number < _CONNECTIONS:
            said = {"provider": "platform", "credentials": {"secret": self.tenant.secret}}
            self.send("PUT", f"/connections/c{number}", json=said)
        if number % 8 == 0:
            self.tenant.uploaded(AUDIO, call="grown", ref=f"r{number}")
        if number < 90:
            self.send("POST", f"/recordings/{recording}/notes", json={"at": 0.1, "text": "n"})

    def read(self, path: str, *, limited: bool) -> Cost:
        """Return what a read costs, a page of LIMIT where there are pages."""
        for name, value in self.ids.items():
            path = path.replace("{" + name + "}", value)
        asked = {"limit": LIMIT} if limited else {}
        if path.endswith("/calls"):
            asked["number"] = "+12025550100"
        if path.endswith("transparency-report"):
            asked["year"] = 2026
        with self.meter.measured() as cost:
            answer = self.tenant.http.get(path, params=asked)
        assert answer.status_code == 200, (path, answer.text)
        cost.size = len(answer.content)
        return cost


_CONNECTIONS: Final = 150
_CALL: Final = {"direction": "inbound", "from": "+12025550100", "to": "+12025550199",
                "started_at": "2026-01-05T10:00:00Z", "ended_at": "2026-01-05T10:10:00Z"}  # fmt: skip
_CONSENT: Final = {"party": "caller", "event": "accepted", "method": "form", "at": "2026-01-05T09:00:00Z"}
_NOTICE: Final = {"language": "en", "audience": "caller", "mode": "announce"}
_RECIPIENT: Final = {"name": "n", "address": "a", "contact": "c", "role": "processor", "purpose": "p",
                     "country": "FR", "since": "2026-01-01"}  # fmt: skip
_AUTHORITY: Final = {"received_at": "2026-01-01T00:00:00Z", "authority": "court", "country": "FR", "kind": "warrant",
                     "scope": "both", "numbers": ["+12025550100"]}  # fmt: skip


def _hold(number: int) -> dict[str, Any]:
    covers = {"numbers": [f"+4930{number:07d}"]}
    return {"name": f"hold {number}", "reason": "a dispute", "covers": covers}


def _reads(house: House) -> dict[str, tuple[str, bool]]:
    """Return path and whether there are pages of every read of the contract."""
    found = {}
    for path, methods in house.app.openapi()["paths"].items():
        if "get" in methods and path.startswith("/v1/"):
            operation = methods["get"]
            limited = any(one["name"] == "limit" for one in operation.get("parameters", ()))
            found[operation["operationId"]] = (path, limited)
    return found


def wrong(name: str, small: Cost, large: Cost) -> list[str]:
    """Return what is wrong with a read whose lists grew fourfold."""
    found = []
    if large.in_one_turn > IN_ONE_TURN:
        found.append(f"{name} decrypts {large.in_one_turn} rows in one turn of the loop")
    if name not in MAY_GROW:
        for what in ("rows", "size"):
            before, after = getattr(small, what), getattr(large, what)
            if after > SLACK * before + 30:
                found.append(f"{name}: {what} grew from {before} to {after}")
    return found


@contextmanager
def _metered(house: House) -> Iterator[Meter]:
    """Count every decryption of the app, in whatever module it is called."""
    meter = Meter(house)
    original = sys.modules["vault.sealing.message"].open_message  # type: ignore[attr-defined]
    noted = meter.noted(original)
    with pytest.MonkeyPatch.context() as patch:
        for module in [one for name, one in sys.modules.items() if name.startswith("vault.services")]:
            if getattr(module, "open_message", None) is original:
                patch.setattr(module, "open_message", noted)
        yield meter


def _consent_statements(grown: Grown) -> int:
    with grown.meter.measured() as cost:
        grown.send("POST", "/calls/grown/consent", json=_CONSENT)
    return cost.statements


@pytest.mark.timeout(900)
def test_what_reads_cost_does_not_grow_with_what_was_done(house: House, monkeypatch: pytest.MonkeyPatch):
    """Every read of the contract has a row; each mend is found again when it is taken out."""
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO, call="grown", ref="first")
    ids = {"account": tenant.name, "recording": recording, "call_ref": "grown", "number": "%2B33612345678",
           "name": "main", "place": "FR", "index": "3"}  # fmt: skip
    reads = {name: row for name, row in _reads(house).items() if name not in NOT_GROWN}
    assert set(NOT_GROWN) <= set(_reads(house))
    assert set(MAY_GROW) <= set(reads)
    size = count("objects of each kind, then twice and four times as many", small=12, full=45)
    with _metered(house) as meter:
        grown = Grown(house, tenant, meter, ids)
        costs: list[dict[str, Cost]] = []
        consents: list[int] = []
        for until in (size, 2 * size, 4 * size):
            while grown.made < until:
                grown.grow(grown.made)
                grown.made += 1
            costs.append({name: grown.read(path, limited=pages) for name, (path, pages) in reads.items()})
            consents.append(_consent_statements(grown))
        small, large = costs[0], costs[-1]
        found = [text for name in reads for text in wrong(name, small[name], large[name])]
        assert not found, "\n".join(found)
        assert max(cost.rows for cost in large.values()) > 2 * IN_ONE_TURN, (
            "Nothing was large enough to tell."
        )
        assert consents[-1] < SLACK * consents[0] + 10, consents

        links = reads["list_links"]
        page = LinkRows.page
        with monkeypatch.context() as taken_out:
            taken_out.setattr(LinkRows, "page", partialmethod(_whole, page))
            assert wrong("list_links", small["list_links"], grown.read(links[0], limited=True))
        with monkeypatch.context() as taken_out:
            taken_out.setattr(paced, "BATCH", 10**9)
            name = max(large, key=lambda one: large[one].rows)
            assert wrong(name, small[name], grown.read(reads[name][0], limited=reads[name][1]))
        with monkeypatch.context() as taken_out:
            taken_out.setattr(record_consent, "append_to_each", _one_by_one)
            assert _consent_statements(grown) > SLACK * consents[0] + 10


def _whole(rows: LinkRows, page: Callable[..., Any], *wanted: Any, **named: Any) -> Any:
    return page(rows, *wanted, **named | {"limit": 10**6})


def _one_by_one(tx: Any, opened: Any, *entry: Any, at: Any) -> None:
    for one in opened:
        evidence_chain.append(tx, one, *entry, at=at)

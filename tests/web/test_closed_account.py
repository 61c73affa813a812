"""A closed account stores nothing more: each operation that writes is refused, or is named with its reason.

The operations come from the contract and the forms from the app, so that one that is added later is refused too.
"""

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House, open_house
from tests.web.console.doors import NOBODY as NO_ROW
from tests.web.doors import DOORS, NAMES, NOBODY
from tests.web.growth_scene import Operation, operations
from vault.database.schema.requests import person_requests
from vault.database.transaction import Transaction
from vault.server import asgi
from vault.web.console.routers import ROUTERS
from vault.web.http.closed_account import ALWAYS, FORMS, UNTIL_FULFILLED

ACCOUNT: Final = "/v1/accounts/{account}"
FORM: Final = "/console/accounts/{account}"
READS: Final = frozenset({"GET", "HEAD"})
#: What answers a closed account itself, with the same code where it would store something.
ITSELF: Final = frozenset(name for name, why in ALWAYS.items() if why == ALWAYS["put_switch"])
STATES: Final = ("executing", "fulfilled")
SAID: Final = "The account is closed: nothing more is stored."


def _set(tx: Transaction, closure: str, state: str) -> None:
    tx.connection.execute(update(person_requests).where(person_requests.c.id == closure).values(state=state))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An app without a worker, so that no closure is carried out."""

    async def rest(*_: Any, stopping: asyncio.Event, **__: Any) -> None:
        await stopping.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asgi, "work", rest)
        with open_house(tmp_path_factory.mktemp("still")) as house:
            yield house


def _rest(tenant: Tenant, method: str, path: str, **sent: Any) -> httpx.Response:
    return tenant.http.request(method, tenant.url(path), **sent)


@pytest.fixture(params=STATES)
def closed(request: pytest.FixtureRequest, still: House) -> Tenant:
    """An account whose closure is in this state."""
    tenant = Tenant.open(still.admin)
    closure = _rest(tenant, "POST", "/closure", json={"reason": "r"}).json()["id"]
    _rest(tenant, "PUT", "/recording-switch", json={"enabled": False})
    still.call(
        still.vault.accounts.accounts.database.write, partial(_set, closure=closure, state=request.param)
    )
    return tenant


def _state(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["closed"])


def _writing(house: House) -> dict[str, Operation]:
    found = operations(house)
    return {
        name: one for name, one in found.items() if one.path.startswith(ACCOUNT) and one.method not in READS
    }


def _reasons(answer: httpx.Response) -> list[str]:
    body = answer.json() if answer.content else {}
    return list(body.get("reasons", ())) if isinstance(body, dict) else []


def test_each_operation_is_refused_or_has_a_reason(
    still: House, closed: Tenant, request: pytest.FixtureRequest
):
    """Of the whole contract. Wrong: to ask in each operation, where the next one forgets it."""
    allowed = {*ALWAYS, *(UNTIL_FULFILLED if _state(request) == "executing" else ())}
    names = NAMES | NOBODY | {"account": closed.name}
    found = {}
    for name, one in _writing(still).items():
        body = DOORS.get((one.method, one.path.removeprefix(ACCOUNT)), ("", None))[1]
        answer = still.admin.request(one.method, one.path.format(**names), json=body)
        found[name] = answer.status_code == 409 and _reasons(answer) == ["account_closed"]
    assert len(found) > 60
    assert {name for name, refused in found.items() if not refused} <= allowed
    assert {name for name, refused in found.items() if refused} <= {*found} - (allowed - ITSELF)


def _forms() -> Iterator[tuple[str, str]]:
    for route in itertools.chain(*(router.routes for router in ROUTERS)):
        if isinstance(route, APIRoute) and "POST" in route.methods and route.path.startswith(FORM):
            yield route.endpoint.__name__, route.path


def test_each_form_is_refused_or_has_a_reason(still: House, closed: Tenant, request: pytest.FixtureRequest):
    """As the operation of REST whose form it is."""
    allowed = {*ALWAYS, *(UNTIL_FULFILLED if _state(request) == "executing" else ())}
    client = sign_in(still, None)
    names = NO_ROW | {"account": closed.name}
    forms = list(_forms())
    assert len(forms) > 50
    for name, path in forms:
        answer = client.post(path.format(**names), data={})
        rule = FORMS.get(name, "")
        if rule is None or rule in allowed:
            assert rule in ITSELF or SAID not in answer.text, name
        else:
            assert (answer.status_code, SAID in answer.text) == (409, True), name


def test_the_lists_name_what_exists(still: House):
    """And each form's rule is one of REST."""
    assert {*ALWAYS, *UNTIL_FULFILLED} <= set(operations(still))
    assert not set(ALWAYS) & set(UNTIL_FULFILLED)
    assert set(FORMS) <= {name for name, _ in _forms()}
    assert {rule for rule in FORMS.values() if rule is not None} <= {*ALWAYS, *UNTIL_FULFILLED}


def test_an_open_account_takes_it_all(still: House):
    """Also one whose closure waits, and one that is switched off."""
    tenant = Tenant.open(still.admin)
    assert _rest(tenant, "POST", "/closure", json={"reason": "r"}).status_code == 202
    assert _rest(tenant, "PUT", "/recording-switch", json={"enabled": False}).status_code == 200
    assert _rest(tenant, "PUT", "/objections/%2B33612345678", json={}).status_code == 201
    assert _rest(tenant, "PUT", "", json={"name": "Other"}).status_code == 200


def test_the_name_of_a_closed_account_stays(still: House, closed: Tenant):
    """What there is may be said again."""
    known = _rest(closed, "GET", "").json()["name"]
    assert _rest(closed, "PUT", "", json={}).json()["name"] == known
    refused = _rest(closed, "PUT", "", json={"name": f"{known}, former"})
    assert (refused.status_code, _reasons(refused)) == (409, ["account_closed"])


def test_a_hold_stops_what_is_not_erased_yet(still: House, closed: Tenant, request: pytest.FixtureRequest):
    """While the closure is carried out, a hold can still be placed; after it there is nothing to hold."""
    placed = _rest(closed, "POST", "/holds", json={"name": "n", "reason": "r", "covers": {"all": True}})
    assert placed.status_code == (201 if _state(request) == "executing" else 409)

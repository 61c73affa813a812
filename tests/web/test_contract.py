"""Generated requests against the app's own description: no server error, and answers as described."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.support.counts import count
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

#: Erased or revoked, the things that the other doors are tried on would be gone.
SPARED = {"/v1/keys/{key}"}
#: Doors that people come through; what is wrong there is told by a page.
PAGES = ("/p/", "/s/")
#: What says that something is wrong: a problem, or the page for people who hold a dead link.
PROBLEMS = {"application/problem+json", "text/html"}


@pytest.fixture(scope="session")
def contract(house: House) -> Any:
    """The description that the app gives of itself."""
    return schemathesis.openapi.from_dict(house.app.openapi())


def doors(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Return path and method of every door that is described."""
    return sorted((path, method.upper()) for path, methods in schema["paths"].items() for method in methods)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_generated_requests_are_answered_as_described(house: House, contract: Any):
    """For every door a few requests, valid and not: below 500, and good or bad the answer is as described."""
    examples = count("generated requests for each door", small=6, full=60)
    # By chance something switches it off, restricts or withdraws: nobody else may need this account.
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(AUDIO)
    known = {"account": tenant.name, "recording": recording}
    every = [door for door in doors(contract.raw_schema) if door[0] not in SPARED]
    # What would be erased or revoked is named by chance alone.
    tried = sum(
        probed(house, contract[path][way], {} if way == "DELETE" else known, examples) for path, way in every
    )
    print(f"{tried} generated requests")
    assert tried >= 3 * len(every)


def probed(house: House, operation: Any, known: dict[str, str], examples: int) -> int:
    """Try one door with generated requests, of which the names in ``known`` are real; return how many."""
    tried = 0

    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def probe(case: Any) -> None:
        nonlocal tried
        tried += 1
        names = dict(case.path_parameters or {})
        case.path_parameters = names | {name: value for name, value in known.items() if name in names}
        headers = {"Authorization": f"Bearer {house.key}"}
        response = case.call(base_url=house.url, headers=headers, timeout=20)
        checks = [not_a_server_error, content_type_conformance, response_schema_conformance]
        if response.status_code >= 400 and operation.path.startswith(PAGES):
            checks = [not_a_server_error]
            assert response.headers["content-type"][0].split(";")[0] in PROBLEMS
        case.validate_response(response, checks=checks)

    probe()
    return tried

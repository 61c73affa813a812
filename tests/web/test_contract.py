"""Generated requests against the app's own description: no server error, and answers as described.

Chains of generated requests, in which what an answer names goes into the next one: made, changed, deleted, used.
"""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    use_after_free,
)

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
#: Doors below /v1 that ask for no key: anyone may check the log.
OPEN = {"/v1/access-log/checkpoint", "/v1/access-log/consistency", "/v1/access-log/key"}
UPLOAD = "/calls/{call_ref}/recordings/{recording_ref}"
#: Where use after deletion is right: what became of a recording, and of an objection, is told for ever.
STAYS = (
    "/objections/{number}",
    "/recordings/{recording}",
    "/recordings/{recording}/history",
    "/recordings/{recording}/links",
)
#: Where bad data may be taken: the body may be left out here, and to leave it out is how one is made bad.
BODILESS = "/objections/{number}"
#: Chains that hypothesis makes before it begins again.
AT_ONCE = 10
QUIET: dict[str, Any] = {
    "stateful_step_count": 12,
    "database": None,
    "deadline": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}
#: Doors that take what another made, where the description does not tell it by its names.
LINKS = {
    "/v1/keys": {"operationId": "delete_key", "parameters": {"key": "$response.body#/id"}},
    "/links": {
        "operationId": "delete_link",
        "parameters": {"link": "$response.body#/id", "recording": "$request.path.recording"},
    },
}
#: What no schema can tell of a good request: numbers, places and texts that there are.
REAL = {
    "number": "+14155550187",
    "places": ["FR"],
    "text": "This call is recorded.",
    "networks": ["127.0.0.0/8"],
    "kind": "player",
}
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
    ignored_auth,
    use_after_free,
]


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


def described(house: House, account: str) -> dict[str, Any]:
    """Return the description for one account: with its name in the paths, and real values."""
    text = json.dumps(house.app.openapi()).replace("/v1/accounts/{account}", f"/v1/accounts/{account}")
    said: dict[str, Any] = json.loads(text)
    for path, ways in said["paths"].items():
        for way in ways.values():
            way["parameters"] = [one for one in way.get("parameters", []) if one["name"] != "account"]
            asked = {scheme for entry in way["security"] for scheme in entry}
            assert (asked == {"ApiKey"}) is (path.startswith("/v1/") and path not in OPEN)
            for end, link in LINKS.items():
                if path.endswith(end) and "201" in way["responses"]:
                    way["responses"]["201"]["links"] = {"Made": link}
    # Where the description says only that it is text, chance alone would never meet what there is.
    said["components"]["schemas"]["KeyIn"]["properties"]["account"] = {"enum": [account]}
    return said


def real(case: Any) -> None:
    """Put into a request that shall be good what no schema can tell: printable texts, numbers that there are."""
    case.body = printable(case.body)
    for place in (case.body, case.path_parameters, case.query):
        if isinstance(place, dict):
            place.update({name: value for name, value in REAL.items() if name in place})
    for name in ("cursor", "listener"):
        case.query.pop(name, None)


def printable(value: Any) -> Any:
    """Return a body without control characters."""
    if isinstance(value, dict):
        return {name: printable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [printable(one) for one in value]
    return "".join(one if one.isprintable() else "x" for one in value) if isinstance(value, str) else value


class Chains:
    """Runs chains against an account of its own, and keeps what was asked and what was wrong."""

    def __init__(self, house: House) -> None:
        self.tenant = Tenant.open(house.admin)
        self.key = house.key_for(self.tenant.name, "*")
        #: Anyone who revokes the key that he uses is told nothing more.
        self.own = "key_" + self.key["Authorization"].split("_")[1]
        self.sent = {"base_url": house.url, "headers": self.key, "timeout": 20}
        self.schema = schemathesis.openapi.from_dict(described(house, self.tenant.name))
        self.schema.config.generation.update(with_security_parameters=False)
        self.asked: Counter[tuple[str, int]] = Counter()
        self.wrong: dict[tuple[str, str], str] = {}

    def run(self, chains: int) -> None:
        """Run a few chains."""
        outer = self

        class Chain(self.schema.as_state_machine()):
            """One chain."""

            def get_call_kwargs(self, _case: Any) -> dict[str, Any]:
                return outer.sent

            def before_call(self, case: Any) -> None:
                if case.operation.path.endswith(UPLOAD):
                    case.body = AUDIO
                elif case.meta.generation.mode.is_positive:
                    real(case)
                if (case.path_parameters or {}).get("key") == outer.own:
                    case.path_parameters["key"] = "key_0"

            def validate_response(self, response: Any, case: Any, **_sent: Any) -> None:
                outer.check(response, case, self.recorder)

        Chain.run(settings=settings(max_examples=chains, **QUIET))

    def check(self, response: Any, case: Any, recorder: Any) -> None:
        """Check an answer. What is wrong is kept and not raised: nobody can ask the same question again."""
        label = case.operation.label
        checks = set(CHECKS)
        if label.endswith(STAYS):
            checks.remove(use_after_free)
        if label.startswith("PUT") and label.endswith(BODILESS):
            checks.remove(negative_data_rejection)
        self.asked[label, response.status_code] += 1
        try:
            case.validate_response(
                response, checks=list(checks), headers=self.key, transport_kwargs=self.sent, recorder=recorder
            )
        except FailureGroup as group:
            for failure in group.exceptions:
                self.wrong.setdefault((label, type(failure).__name__), str(failure) + case.as_curl_command())


def test_chains_of_requests_are_answered_as_described(house: House):
    """Of every answer: below 500, as described whether good or bad, never without a key, and of nothing deleted."""
    chains, made = count("chains of generated requests", small=4, full=160), Chains(house)
    for number in range(min(chains, 20)):
        made.tenant.uploaded(AUDIO, ref=f"r{number}")
    for _ in range(0, chains, AT_ONCE):
        # The account is another one each time, so hypothesis may not find again what it remembers.
        with suppress(FlakyStrategyDefinition):
            made.run(min(chains, AT_ONCE))
    doors = {label for label, _ in made.asked}
    print(f"{made.asked.total()} requests through {len(doors)} doors")
    assert len(doors) > 5
    assert not made.wrong, "\n\n".join(f"{where}: {what}" for where, what in made.wrong.items())

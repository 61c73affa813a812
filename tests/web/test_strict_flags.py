"""True and false are what JSON writes as such: nothing else is taken as one of them."""

from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.schemas.base import Body

ALMOST = ["no", "yes", "false", "true", "0", "", 0, 1, 0.0]


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    """Yield every model of a JSON body; a query string has no booleans of its own, so its models may guess."""
    for one in kind.__subclasses__():
        if not one.__name__.endswith("Query"):
            yield one
        yield from bodies(one)


def is_flag(field: FieldInfo) -> bool:
    """Say whether a field takes true and false."""
    return "bool" in str(field.annotation) or bool in get_args(field.annotation)


def flags() -> dict[str, FieldInfo]:
    """Return every such field of a body, by its full name."""
    found = {}
    for body in bodies():
        found |= {f"{body.__name__}.{name}": one for name, one in body.model_fields.items() if is_flag(one)}
    return found


def test_no_word_and_no_number_is_a_flag(house: House):
    """Each is refused by each field of each body."""
    found = flags()
    assert {"SwitchIn.enabled", "ConnectionIn.delete_refused", "LinkIn.download"} <= found.keys()
    taken = []
    for name, field in found.items():
        adapter = TypeAdapter(field.rebuild_annotation())
        assert adapter.validate_python(True) is True
        for value in ALMOST:
            try:
                adapter.validate_python(value)
            except ValidationError:
                continue
            taken.append((name, value))
    assert taken == []


@pytest.mark.parametrize("word", ALMOST)
def test_a_word_does_not_move_the_switch(tenant: Tenant, word: object):
    """It is 422 with the field named, and the switch stands as it did."""
    answer = tenant.http.put(tenant.url("/recording-switch"), json={"enabled": word})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "enabled"
    assert tenant.http.get(tenant.url("/recording-switch")).json()["enabled"] is True

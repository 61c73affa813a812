"""What the adapters write follows the schemas that the systems publish."""

from dataclasses import replace

import pytest
from jsonschema import ValidationError

from tests.crm.schemas.check import check_schema, schemas_of
from tests.crm.walk import BY_NAME, HANDOVER, RESTRICTED, handed_over

#: Systems with a published schema under a licence that permits a copy. Every request of a walk is checked by it.
PUBLISHED = ("intercom", "pipedrive", "slack")


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_write_has_a_schema_and_follows_it(name):
    """Creation, change and removal have a schema each; ``Walk.send`` checks them."""
    walk = handed_over(name)
    walk.update(RESTRICTED)
    walk.remove()
    writes = [request for request in walk.sent if request.body]
    assert writes
    assert all(check_schema(name, request) for request in writes)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_request_that_does_not_follow_it_is_seen(name):
    """The schemas are no empty ones."""
    walk = handed_over(name)
    request = BY_NAME[name].create(HANDOVER, walk.target, walk.access)
    wrong = replace(
        request, body=request.body.replace(b'"note"', b'"nota"', 1).replace(b'"channel"', b'"chanel"', 1)
    )
    assert wrong.body != request.body
    with pytest.raises(ValidationError):
        check_schema(name, wrong)
    assert schemas_of("hubspot") == {}

"""What a provider answers, and what its adapter makes of a delivery."""

import json
from collections.abc import Iterable, Mapping

import pytest

from vault.domain.calls.call import WebhookContent
from vault.domain.calls.provider_api import Delivery, RestReply
from vault.errors import Invalid
from vault.ports.telephony import Provider


def reply(answer: object, status: int = 200) -> RestReply:
    """Return a response of a provider's REST interface; what is not bytes becomes JSON."""
    return RestReply(status=status, body=answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def content_of(provider: Provider, delivery: Delivery) -> WebhookContent:
    """Return the content of a delivery that has some."""
    content = provider.understand(delivery)
    assert content is not None
    return content


def check_invalid_or_content(provider: Provider, delivery: Delivery) -> None:
    """Check that a malformed delivery is Invalid with a field, or has no content, or has that of a call."""
    try:
        content = provider.understand(delivery)
    except Invalid as error:
        assert error.field
    else:
        assert content is None or content.facts.call_ref


def check_named_credentials(
    provider: Provider, credentials: Mapping[str, str], wrong: Iterable[tuple[Mapping[str, str], str]]
) -> None:
    """Check that each wrong change is Invalid with its field and without its value, and so is a missing field."""
    provider.check_credentials(dict(credentials))
    for change, field in wrong:
        with pytest.raises(Invalid) as error:
            provider.check_credentials({**credentials, **change})
        assert error.value.field == field
        assert "hunter2" not in str(error.value)
    for name in credentials:
        with pytest.raises(Invalid) as error:
            provider.check_credentials({key: value for key, value in credentials.items() if key != name})
        assert error.value.field == name

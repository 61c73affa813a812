"""Receivers of messages: what a message says, how it is signed, and what an answer of a receiver means."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError
from svix.webhooks import Webhook as SecondVerifier

from tests.crm.walk import BY_NAME, HANDOVER, NOW, RESTRICTED, handed_over, ready
from vault.crm.systems.webhook import Webhook
from vault.domain.crm.exchange import CrmAccess, CrmReply
from vault.domain.crm.handover import Target
from vault.domain.crm.verdict import Accepted, Denied, Wait
from vault.domain.outbox.signature import new_secret
from vault.errors import Invalid
from vault.simulator.crm.receiver import MESSAGES

URL = "https://calls.customer.example/vault/calls"
PAGE = (Path(__file__).parents[2] / "docs" / "hand-over-systems.md").read_text()
every = pytest.mark.parametrize("name", ["webhook", "zapier"])


def signed(*secrets: str) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a message that is signed now by these secrets."""
    access = CrmAccess(settings={"url": URL}, by="key", token=" ".join(secrets))
    request = Webhook().create(HANDOVER, Target(), access)
    return dict(request.headers_at("hof_1-1", datetime.now(UTC))), request.body


def test_two_libraries_verify_a_message_by_both_secrets_during_a_rotation():
    """By the new and the former one while both are entered, and then by the new one alone."""
    new, former = new_secret(), new_secret()
    headers, body = signed(new, former)
    for secret in (new, former):
        assert Verifier(secret).verify(body, headers)["type"] == "call.handed_over"
        SecondVerifier(secret).verify(body, headers)
    headers, body = signed(new)
    Verifier(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(former).verify(body, headers)


def test_the_secret_has_as_many_bytes_as_the_standard_says():
    """One that is too short, too long, no base64, or a third one is refused; two are taken."""
    pattern = Webhook().key_field.pattern
    for size in (24, 32, 64):
        assert pattern.fullmatch(secret_of(size)), size
    assert pattern.fullmatch(f"{secret_of(24)} {secret_of(64)}")
    wrong = [
        secret_of(23),
        secret_of(65),
        "whsec_" + "=" * 40,
        secret_of(32)[6:],
        " ".join([secret_of(32)] * 3),
    ]
    assert [one for one in wrong if pattern.fullmatch(one)] == []


def secret_of(size: int) -> str:
    """Return a secret of so many bytes."""
    return "whsec_" + base64.b64encode(b"k" * size).decode()


@pytest.mark.parametrize(
    "url",
    [
        "http://calls.example.com",
        "https://calls.example.com:8443/",
        "https://user:pw@calls.example.com/",
        "https://calls.example.com/?token=1",
        "https://calls.example.com/#a",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://calls.example.com\n",
    ],
)
def test_an_address_that_is_none_of_a_receiver_is_refused(url):
    """It names the field."""
    for refused in (Webhook().check, Webhook().hosts):
        with pytest.raises(Invalid) as wrong:
            refused({"url": url})
        assert wrong.value.field == "url"


@every
def test_each_change_is_a_message_of_its_own(name):
    """With the whole state of the call; of a restricted one nothing is said, and of a removed one its id alone."""
    walk = handed_over(name)
    walk.update(RESTRICTED)
    walk.update(HANDOVER)
    walk.remove()
    said = [json.loads(request.body) for request in walk.sent]
    assert [one["type"] for one in said] == [
        "call.handed_over",
        "call.restricted",
        "call.changed",
        "call.removed",
    ]
    assert set(said[0]["data"]) == MESSAGES["call.handed_over"][1]
    assert said[0]["data"] == said[2]["data"]
    assert said[1]["data"] == {"id": HANDOVER.id, "doorway": HANDOVER.address}
    assert said[3]["data"] == {"id": HANDOVER.id}
    ids = [request.headers.get("webhook-id") for request in walk.sent]
    assert len(set(ids)) == (len(ids) if name == "webhook" else 1)


@every
def test_a_receiver_that_is_not_there_has_removed_nothing(name):
    """404 is tried again, whatever was sent; 410 ends it until a person acts, as in Standard Webhooks."""
    walk = handed_over(name)
    for act in ("create", "update", "remove"):
        gone = CrmReply(status=404, body=b"{}", received_at=NOW)
        assert isinstance(BY_NAME[name].classify(act, gone), Wait)
        assert isinstance(BY_NAME[name].classify(act, replace(gone, status=410)), Denied)
        assert isinstance(BY_NAME[name].classify(act, replace(gone, status=204)), Accepted)
    assert walk.stands() == 1


def test_a_repeated_message_is_carried_out_once():
    """A receiver that keeps the ids of what it took does nothing the second time: they are the same."""
    walk = ready("webhook")
    request = walk.system.create(HANDOVER, walk.target, walk.access)
    first, again = (request.headers_at("hof_1-1", NOW) for _ in range(2))
    assert first["webhook-id"] == again["webhook-id"] == "hof_1-1-handed_over"
    (removal,) = walk.system.remove({}, HANDOVER.id, walk.access)
    assert removal.headers_at("hof_1-1", NOW)["webhook-id"] == "hof_1-1-removed"


def test_the_page_shows_what_is_sent():
    """The example has exactly the fields of a message, and the table of types is whole."""
    section = PAGE.split("\n## Webhook\n")[1].split("\n## ")[0]
    [example] = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    shown = json.loads(example)
    assert shown["type"] == "call.handed_over"
    assert set(shown["data"]) == MESSAGES["call.handed_over"][1]
    assert set(re.findall(r"^\| `(call\.\w+)` \|", section, re.MULTILINE)) == set(MESSAGES)

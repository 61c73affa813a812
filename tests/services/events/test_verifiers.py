"""The verifiers of the field, in Python and JavaScript, accept what is sent, and refuse what was changed."""

import base64
import json
import subprocess
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from tests.fakes.outside import Posted
from tests.servers.required import go_without, require
from tests.services.events.receiving import ME, available, endpoint, erased, tell_every_type, told
from tests.support.service_house import House
from vault.domain.events.event_types import OUTWARD_TYPES
from vault.domain.outbox.signature import new_secret, signed_headers

TYPESCRIPT = Path(__file__).parents[2] / "web" / "clients" / "typescript"
IN_PYTHON: dict[str, Any] = {"standardwebhooks": standardwebhooks.Webhook, "svix": svix.webhooks.Webhook}
IN_JAVASCRIPT = ("standardwebhooks", "svix")


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A message as a receiver has it, and a secret."""

    secret: str
    headers: dict[str, str]
    body: str


def in_python(messages: list[Arrived]) -> list[list[str]]:
    """Return for each message the libraries that accept it."""

    def accepts(name: str, message: Arrived) -> bool:
        try:
            IN_PYTHON[name](message.secret).verify(message.body, message.headers)
        except standardwebhooks.WebhookVerificationError:
            return False
        return True

    return [[name for name in IN_PYTHON if accepts(name, message)] for message in messages]


def in_javascript(messages: list[Arrived]) -> list[list[str]]:
    """Return for each message the libraries that accept it."""
    require("node", install="apt-get install nodejs")
    if not (TYPESCRIPT / "node_modules" / "standardwebhooks").exists():
        go_without("needs the npm packages standardwebhooks and svix: make client-tools")
    done = subprocess.run(
        ["node", "verify.mjs"], cwd=TYPESCRIPT, input=json.dumps([asdict(one) for one in messages]),
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said: list[list[str]] = json.loads(done.stdout)
    return said


def arrived(secret: str, sent: Posted) -> Arrived:
    """Return what was sent as its receiver has it."""
    return Arrived(secret=secret, headers=dict(sent.headers), body=sent.body.decode())


def changed_in_each_way(message: Arrived) -> list[Arrived]:
    """Return it with another body, id, time, secret; with another signature; and without each header."""
    headers = message.headers

    def with_header(name: str, value: str) -> Arrived:
        return replace(message, headers=headers | {name: value})

    return [
        replace(message, body=message.body.replace("acct_", "acct-")),
        replace(message, body=message.body + " "),
        with_header("webhook-id", headers["webhook-id"] + "0"),
        with_header("webhook-timestamp", str(int(headers["webhook-timestamp"]) + 1)),
        with_header("webhook-signature", f"v1,{base64.b64encode(bytes(32)).decode()}"),
        with_header("webhook-signature", headers["webhook-signature"].replace("v1,", "v2,")),
        replace(message, secret=new_secret()),
        *(
            replace(message, headers={name: value for name, value in headers.items() if name != missing})
            for missing in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ),
    ]


@pytest.mark.parametrize("verified", [in_python, in_javascript], ids=["Python", "JavaScript"])
async def test_the_verifiers_of_the_field(house: House, verified: Any):
    """They accept each type, one that is superseded, and in a rotation both secrets; they refuse each change."""
    former = (await endpoint(house)).secret
    recording_id = await available(house)
    await tell_every_type(house, recording_id)
    await told(house)
    of_every_type = [arrived(former, one) for one in house.outside.sent]
    assert {json.loads(one.body)["type"] for one in of_every_type} == {*OUTWARD_TYPES}
    (view,) = await house.vault.events.endpoints.list(house.account.id)
    rotated = await house.vault.events.endpoints.rotate(
        house.account.id, view.endpoint.id, timedelta(hours=1), **ME
    )
    before = len(house.outside.sent)
    await tell_every_type(house, recording_id)
    await erased(house, recording_id)
    await told(house)
    in_grace = house.outside.sent[before:]
    assert any(b"superseded" in one.body for one in in_grace)
    good = of_every_type + [arrived(key, one) for one in in_grace for key in (former, rotated.secret)]
    assert verified(good) == [list(IN_JAVASCRIPT)] * len(good)
    changed = [odd for one in (good[0], good[-1]) for odd in changed_in_each_way(one)]
    assert verified(changed) == [[]] * len(changed)


@pytest.mark.parametrize("verified", [in_python, in_javascript], ids=["Python", "JavaScript"])
@pytest.mark.parametrize(("minutes", "accepted"), [(-4, True), (4, True), (-6, False), (6, False)])
def test_a_message_that_is_old_or_early_is_refused(verified: Any, minutes: int, accepted: bool):
    """By five minutes: the timestamp is that of the attempt, so what waited long is accepted."""
    secret, body = new_secret(), b"{}"
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    message = Arrived(
        secret=secret, headers=dict(signed_headers([secret], "evt_1", body, at=at)), body=body.decode()
    )
    assert verified([message]) == [list(IN_JAVASCRIPT) if accepted else []]


@pytest.mark.parametrize("message_id", ["", "evt.1", "evt 1", "evt\n1", "évt", "e" * 65])
def test_an_id_has_no_dot_and_no_blank(message_id: str):
    """A dot ends it in what is signed: two messages could have one signature."""
    with pytest.raises(ValueError, match="id"):
        signed_headers([new_secret()], message_id, b"{}", at=datetime.now(UTC))

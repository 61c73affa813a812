"""Bad deliveries of every provider against a running vault: exactly 401, or one recording, and never a 500."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.journeys.attacked import Attacked, Canary, canary
from tests.journeys.changed_payload import changed, paths
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.servers.vault_process import VaultProcess
from tests.support.by_provider import sender
from tests.support.counts import count
from tests.support.sender import FORM, JSON
from tests.support.tenant import tone
from vault.simulator.exchange import Webhook
from vault.telephony.registry import PROVIDERS

pytestmark = pytest.mark.faults

NAMES = [provider.name for provider in PROVIDERS]
SENDERS = [sender(name) for name in NAMES]
TIMED = [one.name for one in SENDERS if one.timed]
#: Nothing of what they send is signed: who knows the token may say anything.
UNSEALED = frozenset(one.name for one in SENDERS if one.unsealed)


@pytest.fixture
def outside(server: VaultProcess) -> Iterator[httpx.Client]:
    """Somebody without a key."""
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def attacked(admin: httpx.Client, outside: httpx.Client, provider: str) -> Attacked:
    """An account of its own."""
    return Attacked.open(admin, outside, provider)


@pytest.fixture
def bird() -> Iterator[Canary]:
    """A listener on loopback that is on nobody's list."""
    with canary() as listening:
        yield listening


@pytest.mark.parametrize("provider", NAMES)
def test_without_its_proof_a_delivery_is_refused(attacked: Attacked):
    """No signature, or no token: 401."""
    attacked.refuses(attacked.sender.unsigned(attacked.signed()))
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_a_wrong_secret_is_refused(attacked: Attacked, provider: str):
    """Everything is right but the secret: 401."""
    attacked.refuses(sender(provider).signed(attacked.ready(), attacked.url))
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_another_accounts_secret_is_refused(
    attacked: Attacked, admin: httpx.Client, outside: httpx.Client, provider: str
):
    """A neighbour with a connection of its own cannot write here, and what it was sent does not count here."""
    neighbour = Attacked.open(admin, outside, provider)
    attacked.refuses(neighbour.sender.signed(attacked.ready(), attacked.url))
    attacked.refuses(neighbour.signed())
    assert neighbour.recordings() == []
    neighbour.lives_on()
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_a_flipped_bit_is_refused(attacked: Attacked, provider: str):
    """One bit of the body, all over it: 401. Where only a token proves, one in the token is, and no other breaks."""
    webhook = attacked.signed()
    body, step = webhook.body, max(1, len(webhook.body) // 40)
    seen: set[str] = set()
    for at in range(0, len(body), step):
        flipped = replace(webhook, body=body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
        answered = attacked.deliver(flipped)
        allowed = {200, 202, 401, 422} if provider in UNSEALED else {401}
        assert answered.status_code in allowed, (at, answered.status_code, answered.text)
        seen |= {answered.json()["recording"]} if "recording" in answered.json() else set()
    assert {one["id"] for one in attacked.recordings()} == seen
    if provider in UNSEALED:
        start = body.index(attacked.sender.credentials["token"].encode())
        for at in range(start, start + 32):
            flipped = replace(webhook, body=body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :])
            assert attacked.deliver(flipped).status_code == 401
    attacked.lives_on()


@pytest.mark.parametrize("minutes", [-10, 10])
@pytest.mark.parametrize("provider", TIMED)
def test_a_stale_delivery_is_refused(attacked: Attacked, minutes: int):
    """Signed ten minutes ago, or in ten minutes: 401."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    attacked.refuses(attacked.sender.signed(attacked.ready(), attacked.url, at=at))
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_a_replay_changes_nothing(attacked: Attacked):
    """The same bytes again and again are one recording."""
    webhook = attacked.signed()
    answers = [attacked.deliver(webhook) for _ in range(5)]
    assert attacked.of_one(answers)
    assert [one["id"] for one in attacked.recordings()] == [answers[0].json()["recording"]]
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_many_duplicates_at_once_are_one_recording(attacked: Attacked):
    """The event arrives many times in one moment: every one is a 2xx, and there is one recording."""
    duplicates = count("duplicates at once", small=30, full=200)
    webhook = attacked.signed()
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(attacked.deliver, [webhook] * duplicates))
    assert attacked.of_one(answers)
    assert len(attacked.recordings()) == 1


def _remove(holder: Any, key: Any) -> None:
    del holder[key]


def _put(value: object) -> Callable[[Any, Any], None]:
    def change(holder: Any, key: Any) -> None:
        holder[key] = value

    return change


def _nest_in_form(holder: Any, key: Any) -> None:
    holder[f"{key}[deep][0]"] = holder.pop(key)


_LONG = "x" * 5000
MALFORMED = {
    JSON: {
        "removed": _remove,
        "null": _put(None),
        "number": _put(7),
        "huge number": _put(10**40),
        "boolean": _put(value=True),
        "empty": _put(""),
        "very long": _put(_LONG),
        "odd characters": _put("\x00\u202e\ud83d\ude00\x1b"),
        "nested": _put({"deep": [{"deeper": [None]}]}),
        "list": _put(["x"]),
    },
    FORM: {
        "removed": _remove,
        "null": _put("null"),
        "number": _put("-7"),
        "huge number": _put(str(10**40)),
        "empty": _put(""),
        "very long": _put(_LONG),
        "odd characters": _put("\x00\u202e\U0001f600\x1b"),
        "nested": _nest_in_form,
    },
}


@pytest.mark.parametrize("provider", NAMES)
def test_every_field_may_be_malformed(attacked: Attacked, provider: str):
    """Each field in turn, in every way, truly signed: a 2xx or 422, and at most one recording of each delivery."""
    kinds, sent, seen = MALFORMED[attacked.sender.content_type], 0, set()
    for path in paths(attacked.ready()):
        for kind, change in kinds.items():
            webhook = attacked.sender.signed(changed(attacked.ready(), path, change), attacked.url)
            answers = [attacked.deliver(webhook) for _ in range(2)]
            shown = (path, kind, [(one.status_code, one.text) for one in answers])
            assert {one.status_code for one in answers} <= {200, 202, 422}, shown
            assert (answers[0].status_code == 422) == (answers[1].status_code == 422), shown
            ids = {one.json().get("recording") for one in answers}
            assert len(ids) == 1, shown
            seen |= ids - {None}
            sent += 2
    print(f"{provider}: {sent} malformed deliveries, {len(seen)} recordings")
    recordings = attacked.recordings()
    assert {one["id"] for one in recordings} == seen
    # Names are keys of rows: of what is odd or endless none was made, although its sender signed it.
    for name in (one for each in recordings for one in (each["recording_ref"], each["call"]["call_ref"])):
        assert name.isprintable(), ascii(name)
        assert 1 <= len(name) <= 300, len(name)
    attacked.lives_on()


FOREIGN = {
    "JSON as a form": (FORM, b'["CallSid", "RecordingStatus", "RecordingUrl"]'),
    "a form as JSON": (JSON, b"CallSid=CA1&RecordingSid=RE1&RecordingStatus=completed"),
    "HTML": ("text/html", b"<!doctype html>\n<title>502 Bad Gateway</title>\n"),
    "binary": ("application/octet-stream", bytes(range(256))),
    "nothing": (None, b""),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("provider", NAMES)
def test_a_body_of_another_kind_is_refused(attacked: Attacked, what: str):
    """It is 401 without a proof and under that of another body; 401 or 422 under its own."""
    declared, body = FOREIGN[what]
    content_type = {"Content-Type": declared or attacked.sender.content_type}
    attacked.refuses(Webhook(event=what, headers=content_type, body=body))
    true = attacked.signed()
    attacked.refuses(Webhook(event=what, headers={**true.headers, **content_type}, body=body))
    proved = attacked.sender.prove(body, attacked.url, datetime.now(UTC))
    answered = attacked.deliver(replace(proved, headers={**proved.headers, **content_type}))
    if answered.status_code == 200:
        # A form that tells of no call, truly signed, is an event that says nothing, whatever it calls itself.
        assert (attacked.sender.content_type, answered.json()["status"]) == (FORM, "ignored")
        assert what in {"nothing", "a form as JSON"}
    else:
        assert answered.status_code in {401, 422}, answered.text
    assert attacked.recordings() == []
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_a_true_body_under_another_type_is_one_recording_or_none(attacked: Attacked):
    """What is truly signed and wrongly declared is accepted once, or refused; it is never a 500."""
    true, seen = attacked.signed(), set()
    for declared in (JSON, FORM, "text/html", "multipart/form-data; boundary=x", ";;=", ""):
        answered = attacked.deliver(replace(true, headers={**true.headers, "Content-Type": declared}))
        assert answered.status_code in {200, 202, 401, 422}, (declared, answered.text)
        seen |= {answered.json()["recording"]} if "recording" in answered.json() else set()
    assert {one["id"] for one in attacked.recordings()} == seen
    assert len(seen) == 1


@pytest.mark.parametrize("provider", NAMES)
def test_a_body_that_is_too_long_is_refused(attacked: Attacked):
    """More than 64 KiB, truly signed: 413, and no recording."""
    path = attacked.sender.media
    said = changed(attacked.ready(), path, _put("x" * 70_000))
    assert attacked.deliver(attacked.sender.signed(said, attacked.url)).status_code == 413
    assert attacked.recordings() == []
    attacked.lives_on()


@pytest.mark.parametrize("provider", NAMES)
def test_a_host_that_is_not_the_providers_is_not_asked(attacked: Attacked, bird: Canary):
    """By http, by https, by its address and by a name: the recording fails with a reason, and nobody comes."""
    for media in (
        f"http://127.0.0.1:{bird.port}/a.wav",
        f"https://127.0.0.1:{bird.port}/a.wav",
        f"https://localhost:{bird.port}/a.wav",
        f"http://[::ffff:127.0.0.1]:{bird.port}/a.wav",
    ):
        assert attacked.fails(media) == "The URL must use https and port 443."
    foreign = attacked.fails("https://127.0.0.1/a.wav")
    if attacked.sender.name == "platform":
        # It may keep its media anywhere, but at no private address.
        assert foreign == "The host has an address that media is not fetched from."
    else:
        assert foreign == "The host is not one of the provider's."
        assert attacked.fails("https://media.example/a.wav") == "The host is not one of the provider's."
    assert bird.connections == 0


@pytest.mark.parametrize("provider", NAMES)
def test_a_private_address_behind_the_providers_name_is_not_asked(attacked: Attacked):
    """The connection says that localhost is the provider: its address is still not fetched from."""
    assert (
        attacked.fails("https://localhost/a.wav") == "The host has an address that media is not fetched from."
    )


@pytest.mark.parametrize("status", [301, 302, 307])
@pytest.mark.parametrize("provider", NAMES)
def test_a_redirect_is_checked_as_the_url(attacked: Attacked, media: MediaThread, bird: Canary, status: int):
    """The trusted host points elsewhere, which nobody asks, or at itself, which is followed."""
    good = f"/{attacked.account}/good.wav"
    inside = media.serve(good, tone(0.2))
    path = f"/{attacked.account}/out.wav"
    away = answer(status=status, headers={"Location": f"http://127.0.0.1:{bird.port}/a.wav"})
    assert attacked.fails(media.on(path, away)) == "The URL must use https and port 443."
    assert media.asked_for(path) + media.asked_for(f"{path}?RequestedChannels=2") == 1
    assert bird.connections == 0
    here = media.on(f"/{attacked.account}/in.wav", answer(status=status, headers={"Location": inside}))
    attacked.arrives(here)
    assert media.asked_for(good) == 1

"""Card data in the console: the policy, proposals with their decisions, and a typed range, without a script."""

import secrets

import httpx
import numpy as np
import pytest

from tests.support import corpus
from tests.support.console import form_of, sign_in
from tests.support.console_forms import forms_of
from tests.support.keyed import CARD, call, keyed
from tests.support.tenant import Tenant
from tests.support.web_house import House

RATE = 8000
SEE_OTHER, WRONG = 303, 422
RANGE = {"ranges.0.from": "0:01.25", "ranges.0.to": "2,5", "redaction_reason": "card data", "name": "c"}


def base(tenant: Tenant) -> str:
    """Return the address of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def heard(tenant: Tenant, recording: str) -> np.ndarray:
    """Return the samples of the original, by channel."""
    audio = tenant.http.get(tenant.url(f"/recordings/{recording}/audio")).content
    return corpus.decode(audio).reshape(-1, 2)


def uploaded(tenant: Tenant) -> str:
    """Return a recording of three seconds on two channels."""
    samples = corpus.tones(3.0, rate=RATE)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=RATE), call="c")
    tenant.wait(recording)
    return recording


def proposed(tenant: Tenant, client: httpx.Client, keys: str) -> tuple[str, str]:
    """Let keys be found as a form of the console asks for it; return the recording and the address of the proposal."""
    path = f"{base(tenant)}/card-data"
    sent = client.post(path, data=form_of(client.get(path), path) | {"keyed_digits": "propose"})
    assert sent.status_code == SEE_OTHER, sent.text
    assert tenant.http.get(tenant.url("/card-data")).json()["keyed_digits"] == "propose"
    samples = call((2.0, keyed(keys)), seconds=8, channels=2)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=RATE), ref="keyed")
    tenant.wait(recording)
    (proposal,) = tenant.http.get(tenant.url("/redaction-proposals")).json()["items"]
    return recording, f"{base(tenant)}/redaction-proposals/{proposal['id']}"


def test_a_proposal_is_accepted_with_the_name_typed(house: House, tenant: Tenant):
    """The page of the recording leads to it; without the name nothing is removed, and the reason comes back."""
    client = sign_in(house, tenant.name)
    recording, there = proposed(tenant, client, CARD)
    listed = f"{base(tenant)}/card-data?recording={recording}"
    assert listed in client.get(f"{base(tenant)}/recordings/{recording}").text
    page = client.get(listed)
    assert CARD not in page.text
    assert 'data-label="From">0:01</td><td data-label="To">0:06</td>' in page.text
    form = form_of(page, f"{there}/acceptance")
    unnamed = client.post(f"{there}/acceptance", data=form | {"reason": "the caller asked", "name": "x"})
    assert unnamed.status_code == WRONG
    assert 'value="the caller asked"' in unnamed.text
    assert heard(tenant, recording)[int(2.2 * RATE) : int(5 * RATE)].any()
    again = form_of(unnamed, f"{there}/acceptance")
    done = client.post(
        f"{there}/acceptance", data=again | {"name": tenant.name, "reason": "the caller asked"}
    )
    assert done.headers["location"] == f"{base(tenant)}/recordings/{recording}?done=redacted"
    assert not heard(tenant, recording)[int(1.6 * RATE) : int(5.5 * RATE)].any()
    assert "No proposal waits" in client.get(listed).text
    said = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence")).json()["chain"][-1]["said"]
    assert said["reason"] == "the caller asked"


def test_a_proposal_of_another_recording_is_not_accepted(house: House, tenant: Tenant):
    """The form names the recording; one that the proposal is not about is 404, and nothing is removed."""
    client = sign_in(house, tenant.name)
    recording, there = proposed(tenant, client, CARD)
    other = uploaded(tenant)
    form = form_of(client.get(f"{base(tenant)}/card-data"), f"{there}/acceptance")
    sent = client.post(
        f"{there}/acceptance", data=form | {"recording": other, "reason": "r", "name": tenant.name}
    )
    assert sent.status_code == httpx.codes.NOT_FOUND
    assert heard(tenant, recording)[int(2.2 * RATE) : int(5 * RATE)].any()


def test_a_proposal_is_dismissed(house: House, tenant: Tenant):
    """The audio stays, the log says it, and the same form once more finds nothing."""
    client = sign_in(house, tenant.name)
    recording, there = proposed(tenant, client, "12345678")
    before = heard(tenant, recording)
    form = form_of(client.get(f"{base(tenant)}/card-data"), f"{there}/dismissal")
    done = client.post(f"{there}/dismissal", data=form)
    assert done.headers["location"] == f"{base(tenant)}/card-data?done=proposal_dismissed"
    assert "redaction.dismissed" in tenant.types(recording)
    assert (heard(tenant, recording) == before).all()
    again = client.post(f"{there}/dismissal", data={"nonce": secrets.token_hex(8)})
    assert again.status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize(("channels", "silent"), [("", (0, 1)), ("1", (1,))], ids=["both", "the second"])
def test_a_typed_range_is_removed(house: House, tenant: Tenant, channels: str, silent: tuple[int, ...]):
    """Times as people write them; channels that are not chosen stay."""
    client, recording = sign_in(house, tenant.name), uploaded(tenant)
    before = heard(tenant, recording)
    page = f"{base(tenant)}/recordings/{recording}"
    form = form_of(client.get(page), f"{page}/redactions")
    sent = client.post(f"{page}/redactions", data=form | RANGE | {"ranges.0.channels": channels})
    assert sent.headers.get("location") == f"{page}?done=redacted", sent.text
    after, inside = heard(tenant, recording), slice(int(1.25 * RATE), int(2.5 * RATE))
    for channel in (0, 1):
        assert after[inside, channel].any() != (channel in silent)
    before[inside, silent] = after[inside, silent] = 0
    assert (after == before).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ranges.0.from": "soon"}, {"ranges.0.to": "1:99:99:99"}, {"ranges.0.to": "99"}, {"ranges.0.to": "1"},
        {"ranges.0.channels": "2"}, {"redaction_reason": ""}, {"name": "d"},
    ],
    ids=lambda wrong: "".join(f"{name}={value}" for name, value in wrong.items()),
)  # fmt: skip
def test_a_wrong_range_comes_back(house: House, tenant: Tenant, wrong: dict[str, str]):
    """Nothing is removed; the message stands at a field, and what was typed is in the form again."""
    client, recording = sign_in(house, tenant.name), uploaded(tenant)
    before = heard(tenant, recording)
    page = f"{base(tenant)}/recordings/{recording}"
    form = form_of(client.get(page), f"{page}/redactions")
    sent = client.post(f"{page}/redactions", data=form | RANGE | wrong)
    assert sent.status_code == WRONG
    (field,) = wrong
    assert f'data-field="{field}"' in sent.text
    again = next(one for one in forms_of(sent.text) if one.action == f"{page}/redactions")
    typed = {name: (RANGE | wrong)[name] for name in ("ranges.0.from", "ranges.0.to", "redaction_reason")}
    assert typed.items() <= again.sent().items()
    assert (heard(tenant, recording) == before).all()


def test_a_compressed_recording_offers_a_removal_too(house: House, tenant: Tenant):
    """It becomes its samples."""
    audio = corpus.encode("mp3", "mp3", corpus.tones(2.0, rate=RATE), rate=RATE)
    recording = tenant.uploaded(audio)
    tenant.wait(recording)
    page = sign_in(house, tenant.name).get(f"{base(tenant)}/recordings/{recording}").text
    assert "/erasure" in page
    assert f"/recordings/{recording}/redactions" in page


def test_card_numbers_are_removed_without_a_person(house: House, tenant: Tenant):
    """Where the form asks for it: the page says so afterwards."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/card-data"
    sent = client.post(path, data=form_of(client.get(path), path) | {"keyed_digits": "redact"})
    assert sent.headers["location"] == f"{path}?done=card_data_set"
    assert tenant.http.get(tenant.url("/card-data")).json()["keyed_digits"] == "redact"
    assert "removed before anybody can hear them" in client.get(path).text
    lesser = sign_in(house, tenant.name, "settings:write", "recordings:read")
    form = form_of(lesser.get(path), path)
    assert "redact" not in lesser.get(path).text.partition("</form>")[0]
    assert lesser.post(path, data=form | {"keyed_digits": "redact"}).status_code == httpx.codes.FORBIDDEN

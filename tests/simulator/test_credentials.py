"""Who may ask a simulated provider for what: REST, media, and pre-signed URLs that want no company."""

import json
import re
import time
from urllib.parse import parse_qs

import jwt
import pytest

from tests.simulator.scene import AUDIO, BASE, HOOK, asked, basic, bearer, kept, simulated
from vault.simulator.exchange import Reply, VaultRequest
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED

ALL = sorted(SIMULATED)


def rest_headers(provider: SimulatedProvider, **claims: object) -> dict[str, str]:
    """Return what an honest vault sends to the REST interface."""
    known = provider.credentials
    pairs = {
        "aircall": ("api_id", "api_token"),
        "twilio": ("account_sid", "auth_token"),
        "plivo": ("auth_id", "auth_token"),
        "signalwire": ("project_id", "api_token"),
    }
    if provider.name in pairs:
        user, password = pairs[provider.name]
        return basic(known[user], known[password])
    if provider.name == "telnyx":
        return bearer(known["api_key"])
    now = int(time.time())
    said = {"application_id": known["application_id"], "iat": now, "jti": "1", "exp": now + 60} | claims
    key = claims.pop("key", None) or known["private_key"]
    said.pop("key", None)
    return bearer(jwt.encode(said, str(key), algorithm="RS256"))


def media_url(provider: SimulatedProvider, *, expired: bool = False) -> str:
    """Return the URL that the recording event announces, with the extension that the provider's pages ask for."""
    body = provider.recording_event(kept(provider, expired=expired), HOOK).body.decode()
    if provider.name in {"twilio", "plivo", "signalwire"}:
        said = parse_qs(body)
        return said["RecordUrl"][0] if provider.name == "plivo" else f"{said['RecordingUrl'][0]}.wav"
    found = re.search(rf'"({BASE}[^"]+)"', body)
    assert found is not None
    return found[1]


def delete_url(provider: SimulatedProvider) -> str:
    """Return where the copy that is there is deleted."""
    copy, known = provider.copies[0], provider.credentials
    paths = {
        "aircall": f"/v1/calls/{copy.ref}/recording",
        "twilio": f"/2010-04-01/Accounts/{known.get('account_sid')}/Recordings/{copy.ref}.json",
        "vonage": f"/v3/media/{copy.call.related('file')}",
        "telnyx": f"/v2/recordings/{copy.ref}",
        "plivo": f"/v1/Account/{known.get('auth_id')}/Recording/{copy.ref}/",
        "signalwire": f"/api/laml/2010-04-01/Accounts/{known.get('project_id')}/Recordings/{copy.ref}.json",
    }
    return BASE + paths[provider.name]


def media(provider: SimulatedProvider, url: str) -> Reply:
    headers = {} if provider.renews else rest_headers(provider)
    return provider.answer(asked(url, headers))


@pytest.mark.parametrize("name", ALL)
def test_media_is_handed_out_to_who_asks_rightly(name: str) -> None:
    """The announced URL gives the very bytes, with credentials where the provider wants them and without elsewhere."""
    provider = simulated(name)
    reply = media(provider, media_url(provider))
    assert (reply.status, reply.body) == (200, AUDIO)
    assert provider.copies[0].fetched == 1


@pytest.mark.parametrize("name", ["aircall", "telnyx"])
def test_a_presigned_url_refuses_credentials_beside_it(name: str) -> None:
    """Like S3: a request with a signature and an Authorization header is a bad one."""
    provider = simulated(name)
    url = media_url(provider)
    reply = provider.answer(asked(url, rest_headers(provider)))
    assert (reply.status, b"InvalidArgument" in reply.body) == (400, True)


@pytest.mark.parametrize("name", ["aircall", "telnyx"])
@pytest.mark.parametrize("part", ["X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires"])
def test_a_presigned_url_that_was_changed_is_refused(name: str, part: str) -> None:
    """No part of the permission can be altered or left out."""
    provider = simulated(name)
    url = media_url(provider)
    altered = re.sub(rf"({part}=)(.)", lambda found: f"{found[1]}{'8' if found[2] != '8' else '9'}", url)
    assert altered != url
    assert provider.answer(asked(altered)).status == 403
    assert provider.answer(asked(re.sub(rf"{part}=[^&]*&?", "", url))).status == 403


@pytest.mark.parametrize("name", ["twilio", "vonage", "plivo", "signalwire"])
def test_media_behind_credentials_is_refused_without_them(name: str) -> None:
    """401 without a header, and with wrong ones of either kind."""
    provider = simulated(name)
    url = media_url(provider)
    for headers in ({}, basic("a", "b"), bearer("c"), rest_headers(simulated(name))):
        assert provider.answer(asked(url, headers)).status == 401
    assert provider.copies[0].fetched == 0


def test_vonage_believes_no_token_but_the_application_s() -> None:
    """Another key, another application, an old, an early and a foreign algorithm's token are 401."""
    provider, now = simulated("vonage"), int(time.time())
    url, known = media_url(provider), provider.credentials
    wrong = [
        rest_headers(provider, key=simulated("vonage").credentials["private_key"]),
        rest_headers(provider, application_id="another"),
        rest_headers(provider, exp=now - 1),
        rest_headers(provider, iat=now - 1000, exp=None),
        rest_headers(provider, iat=now + 1000),
        rest_headers(provider, jti=None),
        bearer(jwt.encode({"application_id": known["application_id"], "iat": now, "jti": "1"}, "k" * 32)),
        bearer("a.b.c"),
    ]
    assert [provider.answer(asked(url, headers)).status for headers in wrong] == [401] * len(wrong)


def test_aircall_says_401_without_a_header_and_403_with_a_wrong_one() -> None:
    """The two are told apart, as its reference does."""
    provider = simulated("aircall")
    copy = kept(provider)
    url = f"{BASE}/v1/calls/{copy.ref}"
    answers = [
        provider.answer(asked(url, headers)) for headers in ({}, basic("a", "b"), rest_headers(provider))
    ]
    assert [answer.status for answer in answers] == [401, 403, 200]
    assert set(json.loads(answers[0].body)) == {"error", "troubleshoot"}


@pytest.mark.parametrize("name", ["aircall", "telnyx"])
def test_a_dead_url_is_renewed_by_rest(name: str) -> None:
    """The announced URL is 403 from the beginning; the one that REST gives fetches the audio."""
    provider = simulated(name)
    dead = media_url(provider, expired=True)
    for _ in range(2):
        reply = provider.answer(asked(dead))
        assert (reply.status, b"expired" in reply.body) == (403, True)
    copy = provider.copies[0]
    path = f"/v1/calls/{copy.ref}" if name == "aircall" else f"/v2/recordings/{copy.ref}"
    said = json.loads(provider.answer(asked(BASE + path, rest_headers(provider))).body)
    fresh = said["call"]["recording"] if name == "aircall" else said["data"]["download_urls"]["wav"]
    assert provider.answer(asked(fresh)).body == AUDIO
    assert provider.answer(asked(dead)).status == 403


@pytest.mark.parametrize("name", ["twilio", "vonage", "plivo", "signalwire"])
def test_a_dead_url_of_those_that_do_not_expire_is_a_404_once(name: str) -> None:
    """The media is not there yet when it is first asked for."""
    provider = simulated(name)
    url = media_url(provider, expired=True)
    assert [media(provider, url).status for _ in range(3)] == [404, 200, 200]


@pytest.mark.parametrize("name", [name for name in ALL if SIMULATED[name].deletes])
def test_a_deleted_copy_is_gone(name: str) -> None:
    """Deletion wants credentials and happens once; then neither media nor REST knows the recording."""
    provider = simulated(name)
    url, where = media_url(provider), delete_url(provider)
    assert provider.answer(asked(where, method="DELETE")).status == 401
    assert not provider.copies[0].deleted
    headers = rest_headers(provider) | {"content-type": "application/json"}
    reply = provider.answer(asked(where, headers, method="DELETE"))
    assert reply.status == (200 if name == "telnyx" else 204)
    assert provider.copies[0].deleted
    assert media(provider, url).status == 404
    # Aircall answers success for media that is not there.
    again = provider.answer(asked(where, headers, method="DELETE")).status
    assert again == (204 if name == "aircall" else 404)


def test_aircall_wants_a_content_type_with_a_deletion() -> None:
    """Without it nothing is deleted."""
    provider = simulated("aircall")
    kept(provider)
    assert provider.answer(asked(delete_url(provider), rest_headers(provider), method="DELETE")).status == 400
    assert not provider.copies[0].deleted


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_there_is_404(name: str) -> None:
    """Another path, another account and another recording do not exist."""
    provider = simulated(name)
    kept(provider)
    headers = rest_headers(provider)
    others = [
        "/",
        "/v2/recordings/x",
        "/2010-04-01/Accounts/AC0/Recordings.json",
        "/v1/calls/1",
        "/v1/files/x",
    ]
    answers = [provider.answer(asked(BASE + path, headers)).status for path in others]
    assert set(answers) == {404}


def test_a_header_that_is_no_header_proves_nothing() -> None:
    """Odd Authorization headers are read as none, and raise nothing."""
    for written in ("Basic", "Basic ", "Basic ###", "Basic /////w==", "Basic YWI=", "Bearer ", "basic"):
        request = VaultRequest(method="GET", path="/", headers={"authorization": written})
        assert (request.basic, request.bearer) == (None, None)

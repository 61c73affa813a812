"""What is before and after a range is heard without a byte of the range: neither sent nor granted."""

import io
import wave

import httpx
import numpy as np
import pytest

from tests.support import corpus
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House

RATE = 8000
FROM, TO, SECONDS = 1.25, 2.5, 4.0


def opened(house: House, tenant: Tenant, recording: str) -> tuple[httpx.Client, str]:
    """Return a listener, and the path of their session."""
    browser = house.client()
    return browser, open_link(browser, tenant.link(recording)["url"]).headers["location"]


def part(listening: tuple[httpx.Client, str], begin: object, end: object) -> httpx.Response:
    """Ask for a part."""
    browser, path = listening
    return browser.get(f"{path}/part", params={"from": str(begin), "to": str(end)})


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_mulaw", "pcm_alaw", "pcm_s24le", "pcm_f32le"])
def test_a_part_has_the_samples_of_its_seconds(house: House, tenant: Tenant, codec: str):
    """They decode to those of the whole file there; a file with tags behind its samples is no other."""
    audio = corpus.encode("wav", codec, corpus.tones(SECONDS, rate=RATE), rate=RATE)
    audio += b"LIST" + (4000).to_bytes(4, "little") + bytes(4000)
    listening = opened(house, tenant, tenant.uploaded(audio, ref=codec))
    whole = corpus.decode(audio).reshape(-1, 2)
    for begin, end in ((0.25, FROM), (TO, 3.5), (3.0, 9.0)):
        answer = part(listening, begin, end)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/wav"), answer.text
        assert answer.headers["cache-control"] == "no-store"
        wanted = whole[int(begin * RATE) : int(end * RATE)]
        assert np.array_equal(corpus.decode(answer.content).reshape(-1, 2), wanted)


def test_the_log_grants_no_byte_of_the_range(house: House, tenant: Tenant):
    """Every window that was granted ends before the range or begins after it, to the sample."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(bytes(2 * RATE * 4))
    listening = opened(house, tenant, tenant.uploaded(out.getvalue()))
    # Neither end lies on a sample: those that it cuts stay out.
    begin, end = FROM + 0.3 / RATE, TO + 0.3 / RATE
    assert part(listening, 0.25, begin).status_code == part(listening, end, 3.5).status_code == 200
    windows = [(one["first"], one["end"]) for one in tenant.events() if one["type"] == "playback.grant"]
    assert windows == [(44 + 2 * 2000, 44 + 2 * 10000), (44 + 2 * 20001, 44 + 2 * 28000)]


def test_a_rendition_can_be_cut_and_a_compressed_file_cannot(house: House, tenant: Tenant):
    """Browsers do not play ADPCM: they get its samples. MP3 has frames that hold bits of each other."""
    samples = corpus.tones(SECONDS, rate=RATE)
    of_samples = tenant.uploaded(corpus.encode("wav", "adpcm_ima_wav", samples, rate=RATE), ref="adpcm")
    answer = part(opened(house, tenant, of_samples), 1, 2)
    assert (answer.status_code, len(corpus.decode(answer.content).reshape(-1, 2))) == (200, RATE)
    mp3 = tenant.uploaded(corpus.encode("mp3", "mp3", samples, rate=RATE), ref="mp3")
    refused = part(opened(house, tenant, mp3), 1, 2)
    assert (refused.status_code, refused.json()["reasons"]) == (409, ["format"])


@pytest.mark.parametrize(
    ("begin", "end"), [(2, 2), (3, 2), (0, 15.01), (4.5, 5), ("nan", 2), (1, "inf"), (-1, 1), ("x", 1)]
)
def test_what_is_no_part_is_refused(house: House, tenant: Tenant, begin: object, end: object):
    """Nothing is granted for it."""
    recording = tenant.uploaded(
        corpus.encode("wav", "pcm_mulaw", corpus.tones(SECONDS, rate=RATE), rate=RATE)
    )
    assert part(opened(house, tenant, recording), begin, end).status_code == 422
    assert "playback.grant" not in tenant.types(recording)


def test_a_stranger_hears_no_part(house: House, tenant: Tenant):
    """The session's cookie is needed, as for all of its audio; a revoked link ends it."""
    recording = tenant.uploaded(
        corpus.encode("wav", "pcm_mulaw", corpus.tones(SECONDS, rate=RATE), rate=RATE)
    )
    link = tenant.link(recording)
    browser = house.client()
    path = open_link(browser, link["url"]).headers["location"]
    assert part((browser, path), 1, 2).status_code == 200
    assert part((house.client(), path), 1, 2).status_code == 404
    tenant.http.delete(tenant.url(f"/recordings/{recording}/links/{link['id']}"))
    assert part((browser, path), 1, 2).status_code == 404

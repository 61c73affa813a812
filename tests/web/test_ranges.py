"""The Range header: the RFC's examples, Go's table, and what an attacker writes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tenant import Tenant, open_link
from tests.support.web_house import AUDIO, House
from vault.errors import NotSatisfiable
from vault.web.audio.response import parse_range

pytestmark = pytest.mark.faults

#: The app's own thread uses ``random`` while hypothesis draws, and hypothesis blames the strategy.
BESIDE_THE_APP = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
SIZE = 10_000
REFUSED = "refused"
#: RFC 9110, section 14.1.2; Go, net/http/fs_test.go; and more. None is: all of it.
TABLE: list[tuple[str | None, tuple[int, int] | str | None]] = [
    (None, None),
    ("", None),
    ("bytes=0-499", (0, 500)),
    ("bytes=500-999", (500, 1000)),
    ("bytes=-500", (9500, 10000)),
    ("bytes=9500-", (9500, 10000)),
    ("bytes=0-0", (0, 1)),
    ("bytes=-1", (9999, 10000)),
    ("bytes=0-", (0, 10000)),
    ("bytes=9999-", (9999, 10000)),
    ("bytes=9999-9999", (9999, 10000)),
    ("bytes=0-99999", (0, 10000)),
    ("bytes=-99999", (0, 10000)),
    ("BYTES=0-1", (0, 2)),
    ("bytes= 0-1 ", (0, 2)),
    ("bytes=0-" + "9" * 60, (0, 10000)),
    ("bytes=-" + "9" * 60, (0, 10000)),
    ("bytes=000-001", (0, 2)),
    ("seconds=1-2", None),
    ("bytes", None),
    ("0-1", None),
    ("bytes=", REFUSED),
    ("bytes=-", REFUSED),
    ("bytes=-0", REFUSED),
    ("bytes=10000-", REFUSED),
    ("bytes=10000-10001", REFUSED),
    ("bytes=5-4", REFUSED),
    ("bytes=" + "9" * 60 + "-", REFUSED),
    ("bytes=18446744073709551616-18446744073709551617", REFUSED),
    ("bytes=0-0,-1", None),
    ("bytes=0-0, 2-3", None),
    ("bytes=20000-,0-5", None),
    ("bytes=0-0,20000-", None),
    ("bytes=20000-,30000-", REFUSED),
    ("bytes=20000-,-0", REFUSED),
    ("bytes=0-0,5-4", REFUSED),
    ("bytes=0-0,x", REFUSED),
    ("bytes=0-0,-", REFUSED),
    ("bytes=0-1,", (0, 2)),
    ("bytes=, ,0-1", (0, 2)),
    ("bytes=" + "0-0," * 31, REFUSED),
    ("bytes=a-b", REFUSED),
    ("bytes=0x0-0x1", REFUSED),
    ("bytes=--1", REFUSED),
    ("bytes=+0-1", REFUSED),
    ("bytes=0--1", REFUSED),
    ("bytes=0- -1", REFUSED),
    ("bytes=1 0-20", REFUSED),
    ("bytes=1_0-20", REFUSED),
    ("bytes=0.5-1", REFUSED),
    ("bytes=\u0660-\u0661", REFUSED),
    ("bytes=\u00b2-", REFUSED),
    ("bytes=0-1\n", REFUSED),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)), REFUSED),
    ("bytes=0-" + "9" * 5000, REFUSED),
    # A header of 128 characters is the longest that is looked at: computing costs no more than its digits.
    ("bytes=0-" + "9" * 120, (0, 10000)),
    ("bytes=-" + "9" * 121, (0, 10000)),
    ("bytes=" + "9" * 121 + "-", REFUSED),
    ("bytes=0-" + "9" * 121, REFUSED),
    ("bytes=0-1" + " " * 119, (0, 2)),
    ("bytes=0-1" + " " * 120, REFUSED),
    ("bytes=9223372036854775807-", REFUSED),
    ("bytes=0-9223372036854775807", (0, 10000)),
    ("bytes=-18446744073709551616", (0, 10000)),
    ("bytes=18446744073709551616-1", REFUSED),
]
#: ParseRangeTests of Go's net/http/range_test.go, in its order: header, size, and what we make of it. Where
#: Go takes several ranges we take all of it, and a unit that nobody knows is no range at all.
GO_TABLE: list[tuple[str, int, tuple[int, int] | str | None]] = [
    ("", 0, None), ("", 1000, None), ("foo", 0, None),
    ("bytes=", 0, REFUSED), ("bytes=7", 10, REFUSED), ("bytes= 7 ", 10, REFUSED), ("bytes=1-", 0, REFUSED),
    ("bytes=5-4", 10, REFUSED), ("bytes=0-2,5-4", 10, REFUSED), ("bytes=2-5,4-3", 10, REFUSED),
    ("bytes=--5,4--3", 10, REFUSED), ("bytes=A-", 10, REFUSED), ("bytes=A- ", 10, REFUSED),
    ("bytes=A-Z", 10, REFUSED), ("bytes= -Z", 10, REFUSED), ("bytes=5-Z", 10, REFUSED),
    ("bytes=Ran-dom, garbage", 10, REFUSED), ("bytes=0x01-0x02", 10, REFUSED),
    ("bytes=         ", 10, REFUSED), ("bytes= , , ,   ", 10, REFUSED),
    ("bytes=0-9", 10, (0, 10)), ("bytes=0-", 10, (0, 10)), ("bytes=5-", 10, (5, 10)),
    ("bytes=0-20", 10, (0, 10)), ("bytes=15-,0-5", 10, None), ("bytes=1-2,5-", 10, None),
    ("bytes=-2 , 7-", 11, None), ("bytes=0-0 ,2-2, 7-", 11, None), ("bytes=-5", 10, (5, 10)),
    ("bytes=-15", 10, (0, 10)), ("bytes=0-499", 10000, (0, 500)), ("bytes=500-999", 10000, (500, 1000)),
    ("bytes=-500", 10000, (9500, 10000)), ("bytes=9500-", 10000, (9500, 10000)),
    ("bytes=0-0,-1", 10000, None), ("bytes=500-600,601-999", 10000, None),
    ("bytes=500-700,601-999", 10000, None), ("bytes=   1 -2   ,  4- 5, 7 - 8 , ,,", 11, REFUSED),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), TABLE, ids=range(len(TABLE)))
def test_a_range_means_what_the_rfc_says(header: str | None, expected: object):
    """One range, all of it, or NotSatisfiable; never anything else."""
    if expected == REFUSED:
        with pytest.raises(NotSatisfiable):
            parse_range(header, SIZE)
    else:
        assert parse_range(header, SIZE) == expected


@pytest.mark.parametrize(("header", "size", "expected"), GO_TABLE, ids=range(len(GO_TABLE)))
def test_a_range_means_what_go_takes_it_for(header: str, size: int, expected: object):
    """Where Go takes exactly one range it is the same; all else is NotSatisfiable, or no range."""
    if expected == REFUSED:
        with pytest.raises(NotSatisfiable):
            parse_range(header, size)
    else:
        assert parse_range(header, size) == expected


def test_of_nothing_there_is_no_range():
    """An empty representation satisfies no range; all of it is still nothing."""
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        with pytest.raises(NotSatisfiable):
            parse_range(header, 0)
    assert parse_range(None, 0) is None


@BESIDE_THE_APP
@given(
    st.one_of(st.text(), st.from_regex(r"bytes=[0-9]{0,30}-[0-9]{0,30}(,[0-9]*-[0-9]*)*")),
    st.integers(0, 2**40),
)
def test_no_header_leads_outside(header: str, size: int):
    """Whatever is sent: a range inside, all of it, or NotSatisfiable."""
    with contextlib.suppress(NotSatisfiable):
        part = parse_range(header, size)
        assert part is None or 0 <= part[0] < part[1] <= size


@BESIDE_THE_APP
@given(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(1, 2**40))
def test_a_plain_range_is_a_slice(first: int, last: int, size: int):
    """``bytes=first-last`` is [first, last + 1) cut to the size, where it begins inside."""
    if first < size and first <= last:
        assert parse_range(f"bytes={first}-{last}", size) == (first, min(last + 1, size))
    else:
        with pytest.raises(NotSatisfiable):
            parse_range(f"bytes={first}-{last}", size)


OVER_HTTP = [
    ("bytes=0-9", 206, AUDIO[:10]),
    ("bytes=-7", 206, AUDIO[-7:]),
    (f"bytes={len(AUDIO) - 1}-", 206, AUDIO[-1:]),
    ("bytes=0-" + "9" * 30, 206, AUDIO),
    ("seconds=1-2", 200, AUDIO),
    (f"bytes={len(AUDIO)}-", 416, None),
    ("bytes=0-0,2-3", 200, AUDIO),
    (f"bytes={len(AUDIO)}-,0-5", 200, AUDIO),
    ("bytes=" + ",".join(f"{n}-" for n in range(10_000)), 416, None),
    ("bytes=5-4", 416, None),
]


def grants(tenant: Tenant, recording: str) -> int:
    """Count what was granted alone: the end of an answer comes on record beside the next request."""
    return sum(one["type"] == "download.grant" for one in tenant.events(recording))


@pytest.mark.parametrize(("header", "status", "body"), OVER_HTTP, ids=range(len(OVER_HTTP)))
def test_ranges_over_http(
    house: House, shared: tuple[Tenant, str], header: str, status: int, body: bytes | None
):
    """The exact status, the exact bytes, and a Content-Range that says so; a 416 grants nothing."""
    tenant, recording = shared
    before = grants(tenant, recording)
    answer = house.admin.get(tenant.url(f"/recordings/{recording}/audio"), headers={"Range": header})
    assert answer.status_code == status, answer.text[:200]
    if body is not None:
        assert answer.content == body
        assert answer.headers["content-length"] == str(len(body))
    if status == 206:
        start = AUDIO.find(body) if body != AUDIO[-1:] else len(AUDIO) - 1
        start = len(AUDIO) - 7 if header == "bytes=-7" else start
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(body) - 1}/{len(AUDIO)}"
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(AUDIO)}"
        assert grants(tenant, recording) == before


def test_conditions_are_kept(house: House, shared: tuple[Tenant, str]):
    """The same tag is 304, another If-Range gives all of it, and the right one the range."""
    tenant, recording = shared
    path = tenant.url(f"/recordings/{recording}/audio")
    tag = house.admin.get(path).headers["etag"]
    before = grants(tenant, recording)
    for header, said, status in [
        ("If-None-Match", f'"x", W/{tag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"x"', 200),
        ("If-Match", '"x"', 412),
        ("If-Match", f"W/{tag}", 412),
        ("If-Match", "", 412),
        ("If-Match", f'"x",{tag}', 200),
        ("If-Match", "*", 200),
    ]:
        answer = house.admin.head(path, headers={header: said})
        assert (header, said, answer.status_code) == (header, said, status)
        if status != 200:
            assert house.admin.get(path, headers={header: said}).status_code == status
    # If-Match comes first (13.2.2), and lines of one header are one list.
    assert house.admin.get(path, headers={"If-Match": '"x"', "If-None-Match": "*"}).status_code == 412
    lines = [("If-Match", '"x"'), ("If-Match", tag)]
    assert house.admin.head(path, headers=lines).status_code == 200
    # Neither HEAD nor what ended by its conditions grants anything.
    assert grants(tenant, recording) == before
    part = {"Range": "bytes=1-2"}
    assert house.admin.get(path, headers=part | {"If-Range": tag}).content == AUDIO[1:3]
    for other in ('"x"', "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert house.admin.get(path, headers=part | {"If-Range": other}).content == AUDIO


def test_conditions_are_kept_on_links(house: House, shared: tuple[Tenant, str]):
    """What a player and a media link are sent is subject to the same conditions, by HEAD too."""
    tenant, recording = shared
    browser = house.client()
    session = open_link(browser, tenant.link(recording)["url"]).headers["location"]
    for path in (f"{session}/audio", tenant.link(recording, kind="media")["url"]):
        tag = browser.get(path).headers["etag"]
        for header, said, status in [
            ("If-Match", '"x"', 412),
            ("If-Match", "*", 200),
            ("If-Match", tag, 200),
            ("If-None-Match", "*", 304),
            ("If-None-Match", tag, 304),
            ("If-None-Match", '"x"', 200),
        ]:
            for method in ("GET", "HEAD"):
                answer = browser.request(method, path, headers={header: said})
                assert (header, said, answer.status_code) == (header, said, status)

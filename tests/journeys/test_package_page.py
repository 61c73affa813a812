"""The page of a package as a person opens it: from a folder, without the vault, in each language."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.journeys.player import fits, mono
from tests.support.chromium import complaints, until
from tests.support.console import violations
from vault.composition.adapters import page_texts
from vault.domain.registers.package_page import PackagedCall, PageContent, write_page
from vault.web.http.languages import LANGUAGES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
AT = datetime(2026, 11, 29, 1, 13, tzinfo=UTC)
GIVEN = "rec_00000000000000000000000000000001"
HOSTILE = "<script>alert(1)</script>"


def unpacked(folder: Path, language: str) -> str:
    """Write a package of one call into a folder; return the address of its page."""
    audio = f"recordings/{GIVEN}/audio.wav"
    (folder / audio).parent.mkdir(parents=True)
    (folder / audio).write_bytes(mono(2))
    names = [audio, f"recordings/{GIVEN}/evidence.json", "receipts/req_1.json", "request.json"]
    for name in names[1:]:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    content = PageContent(
        received_at=AT,
        made_at=AT,
        number=2,
        is_last=False,
        names=names,
        calls=[
            PackagedCall(
                recording_id=GIVEN,
                at=AT,
                duration=3725.0,
                side="callee",
                ending="187",
                is_whole=False,
                audio=audio,
            )
        ],
        left_out={"rec_2": "no_channel_alone"},
        times={"rec_2": AT + timedelta(hours=1)},
        echoes=[GIVEN],
        about=[(HOSTILE, [HOSTILE])],
    )
    page = folder / "index.html"
    page.write_text(write_page(content, page_texts()[language]), "utf-8")
    return page.as_uri()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_hears_the_call_and_reads_the_page(page: Page, tmp_path: Path, language: str):
    """The sound plays in the page; nothing is against WCAG, wider than a phone, fetched, or run as a script."""
    errors, asked = complaints(page), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(unpacked(tmp_path, language))
    assert page.evaluate("document.documentElement.lang") == language
    heading = page.get_by_role("heading", level=3)
    assert "1:13" in heading.inner_text()
    assert "2026" in heading.inner_text()
    assert "1:02:05" in page.inner_text(".calls")
    assert "187." in page.inner_text(".calls")
    # What is left out is told by the time of its call.
    assert "2:13" in page.inner_text("main")
    assert "rec_2" not in page.inner_text("main")
    assert page.inner_text("main").count(HOSTILE) == 2
    page.locator("summary").click()
    assert fits(page)
    assert violations(page) == []
    page.emulate_media(media="print")
    # The command stands behind its sentence on paper too, as a whole.
    assert page.locator("pre").is_visible()
    assert page.evaluate("(one => one.scrollWidth <= one.clientWidth)(document.querySelector('pre'))")
    page.emulate_media(media="screen")
    page.evaluate("document.querySelector('audio').play()")
    until(page, "document.querySelector('audio').ended")
    assert all(url.startswith("file://") for url in asked)
    page.emulate_media(media="print")
    assert not page.locator("audio").is_visible()
    assert heading.is_visible()
    assert errors == []

"""Notices: the list, the editor of a draft with its audio, and what happens to a published one."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response

from vault.domain.notices.notice import AUDIENCES, NOTICE_MODES, Notice
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.consent import SECTION, TABS
from vault.web.console.forms import Form, checked, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.multipart import read_multipart
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.notices import NoticeIn, PromptQuery

router = console_router()
Reading = Annotated[Console, Depends(console("recordings:read"))]
Setting = Annotated[Console, Depends(console("settings:write"))]
NoticeId = Annotated[str, Path(max_length=64)]
MODE_WORDS: Final = translatable(
    {
        "tone": "a tone",
        "announce": "an announcement",
        "opt_out_key": "a key to refuse",
        "opt_in_key": "a key to accept",
    }
)
#: Elements whose words must be in the text, with the words of the page.
ELEMENTS: Final = translatable(
    (
        ("controller", "Who records"),
        ("purposes", "What for"),
        ("refusal", "How to refuse"),
        ("full_notice", "Where the full notice is"),
        ("retention", "How long it is kept"),
    )
)
BEEPS: Final = translatable(
    (
        ("none", "no tone"),
        ("start", "a tone before the speech"),
        ("end", "a tone after the speech"),
    )
)
AUDIENCE_WORDS: Final[dict[str, str]] = translatable(
    {"caller": "the caller", "callee": "the called party", "agent": "the agent"}
)
STATUS_WORDS: Final = translatable({"draft": "draft", "published": "published", "retired": "retired"})
_PAGE: Final = 50
_STATUS: Final = {"draft": "warn", "published": "good", "retired": "quiet"}


@router.get("/consent/notices")
async def show_notices(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """List the notices, newest first."""
    before = read_cursor(request.query_params.get("cursor") or None)
    found = await vault.notices.list(allowed.account.id, before=before, limit=_PAGE)
    return console_page(
        request,
        allowed,
        "notices.html",
        section=SECTION,
        heading=gettext("Notices"),
        tabs=TABS,
        tab="/consent/notices",
        notices=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        modes=dict(translated_pairs(MODE_WORDS.items())),
        audiences=dict(translated_pairs(AUDIENCE_WORDS.items())),
        states=dict(translated_pairs(STATUS_WORDS.items())),
        badges=_STATUS,
    )


@router.get("/consent/notices/new")
async def show_notice_form(request: Request, allowed: Reading) -> Response:
    """Show the form of a draft."""
    values = {"language": allowed.account.locale, "audience": "caller", "mode": "announce"}
    return _editor(request, allowed, None, values)


@router.post("/consent/notices")
async def draft_notice(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Draft a notice. Without a text it gets the default text."""
    form = await read_form(request)

    async def draft() -> str:
        body = checked(NoticeIn, _body(form))
        made = await vault.notices.draft(allowed.account.id, body.wish(), actor=allowed.actor)
        return f"{allowed.path}/consent/notices/{made.id}?done=notice_saved"

    async def again(mistake: Mistake) -> Response:
        return _editor(request, allowed, None, form.values(), mistake)

    return await run_or_show(request, allowed, form, act=draft, show=again, reads="recordings:read")


@router.get("/consent/notices/{notice}")
async def show_notice(request: Request, vault: TheVault, allowed: Reading, notice: NoticeId) -> Response:
    """Show a notice; a draft in the editor."""
    return await _page(request, vault, allowed, notice)


@router.get("/consent/notices/{notice}/audio")
async def play_notice(vault: TheVault, allowed: Reading, notice: NoticeId) -> Response:
    """Return the audio as telephony plays it."""
    audio = await vault.notices.read_own_audio(allowed.account.id, notice, "pcm")
    return Response(audio, media_type="audio/wav")


@router.post("/consent/notices/{notice}")
async def change_notice(request: Request, vault: TheVault, allowed: Setting, notice: NoticeId) -> Response:
    """Replace a draft."""
    form = await read_form(request)

    async def change() -> str:
        body = checked(NoticeIn, _body(form))
        await vault.notices.change(allowed.account.id, notice, body.wish(), actor=allowed.actor)
        return "notice_saved"

    return await _run(request, vault, allowed, notice, form, change)


@router.post("/consent/notices/{notice}/audio")
async def upload_notice_audio(
    request: Request, vault: TheVault, allowed: Setting, notice: NoticeId
) -> Response:
    """Set the audio of a draft from a file; in the mode ``tone``, without a file, it is a beep alone."""
    fields = read_multipart(request.headers.get("content-type", ""), await request.body())
    form = Form({name: [value.decode(errors="replace")] for name, value in fields.items() if name != "file"})

    async def upload() -> str:
        asked = checked(PromptQuery, {"beep": form.text("beep") or "none"})
        audio = fields.get("file", b"")
        await vault.notices.set_audio(allowed.account.id, notice, audio, asked.wish(), actor=allowed.actor)
        return "notice_saved"

    content = b"\n".join(hashlib.sha256(value).digest() for value in fields.values())
    return await _run(request, vault, allowed, notice, form, upload, content)


@router.post("/consent/notices/{notice}/audio/removal")
async def remove_notice_audio(
    request: Request, vault: TheVault, allowed: Setting, notice: NoticeId
) -> Response:
    """Remove the audio of a draft: the platform then speaks the text."""
    form = await read_form(request)

    async def remove() -> str:
        await vault.notices.remove_audio(allowed.account.id, notice, actor=allowed.actor)
        return "notice_saved"

    return await _run(request, vault, allowed, notice, form, remove)


@router.post("/consent/notices/{notice}/publication")
async def publish_notice_page(
    request: Request, vault: TheVault, allowed: Setting, notice: NoticeId
) -> Response:
    """Publish a draft, with the account's name typed: it never changes afterwards."""
    return await _run_named(request, vault, allowed, notice, vault.notices.publish, "notice_published")


@router.post("/consent/notices/{notice}/retirement")
async def retire_notice_page(
    request: Request, vault: TheVault, allowed: Setting, notice: NoticeId
) -> Response:
    """Retire a published version, with the account's name typed."""
    return await _run_named(request, vault, allowed, notice, vault.notices.retire, "notice_retired")


@router.post("/consent/notices/{notice}/deletion")
async def delete_draft(request: Request, vault: TheVault, allowed: Setting, notice: NoticeId) -> Response:
    """Delete a draft, with the account's name typed."""
    return await _run_named(request, vault, allowed, notice, vault.notices.delete, "notice_deleted")


async def _run_named(  # noqa: PLR0917 - what a form of a notice needs
    request: Request,
    vault: Vault,
    allowed: Console,
    notice_id: str,
    act: Callable[..., Awaitable[object]],
    done: str,
) -> Response:
    """Run an act on a notice that needs the account's name typed and takes nothing else from the form."""
    form = await read_form(request)

    async def run() -> str:
        require_name(form, allowed.account.ref)
        await act(allowed.account.id, notice_id, actor=allowed.actor)
        return done

    return await _run(request, vault, allowed, notice_id, form, run)


async def _run(  # noqa: PLR0917 - what a form of a notice needs
    request: Request,
    vault: Vault,
    allowed: Console,
    notice_id: str,
    form: Form,
    act: Callable[[], Awaitable[str]],
    content: bytes | None = None,
) -> Response:
    """Run a form once; ``act`` returns what was done. The next page is the notice's, or the list without it."""

    async def run() -> str:
        done = await act()
        place = "" if done == "notice_deleted" else f"/{notice_id}"
        return f"{allowed.path}/consent/notices{place}?done={done}"

    async def again(mistake: Mistake) -> Response:
        values = form.values() | {"form": request.url.path.rpartition("/")[2]}
        return await _page(request, vault, allowed, notice_id, values, mistake)

    return await run_or_show(
        request, allowed, form, act=run, show=again, reads="recordings:read", content=content
    )


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes."""
    body: dict[str, Any] = {name: form.text(name) for name in ("language", "audience", "mode")}
    body |= {name: form.text(name) for name, _ in ELEMENTS}
    body["places"] = form.text("places").replace(",", " ").split()
    text = form.words("text")
    return body | ({"text": text} if text else {})


def _values(notice: Notice) -> dict[str, str]:
    same = ("language", "audience", "mode", "text", *(name for name, _ in ELEMENTS))
    return {name: getattr(notice, name) for name in same} | {"places": ", ".join(notice.places)}


async def _page(  # noqa: PLR0917 - what the page needs
    request: Request,
    vault: Vault,
    allowed: Console,
    notice_id: str,
    values: Mapping[str, str] | None = None,
    mistake: Mistake | None = None,
) -> Response:
    notice = await vault.notices.read(allowed.account.id, notice_id)
    return _editor(request, allowed, notice, {**_values(notice), **(values or {})}, mistake)


def _editor(
    request: Request,
    allowed: Console,
    notice: Notice | None,
    values: Mapping[str, str],
    mistake: Mistake | None = None,
) -> Response:
    return console_page(
        request,
        allowed,
        "notice.html",
        section=SECTION,
        heading=gettext("Notice") if notice is not None else gettext("Draft a notice"),
        tabs=TABS,
        tab="/consent/notices",
        notice=notice,
        values=values,
        form=values.get("form", ""),
        mistake=mistake,
        audiences=translated_pairs((one, AUDIENCE_WORDS[one]) for one in AUDIENCES),
        modes=translated_pairs((one, MODE_WORDS[one]) for one in NOTICE_MODES),
        elements=translated_pairs(ELEMENTS),
        beeps=translated_pairs(BEEPS),
        states=dict(translated_pairs(STATUS_WORDS.items())),
        badges=_STATUS,
    )

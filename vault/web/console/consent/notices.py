"""Notices: the list, the editor of a draft with its audio, and what happens to a published one."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.notices.notice import AUDIENCES, NOTICE_MODES, Notice, incompleteness
from vault.web.console.acts import acts, comes_back, run_or_show
from vault.web.console.consent.policy import SECTION, TABS
from vault.web.console.forms import Form, checked
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import ManyInvalid
from vault.web.console.multipart import read_multipart
from vault.web.console.route import console_router
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.consent.notices import NoticeIn, PromptQuery

router = console_router()
Reading = Annotated[Here, needs("recordings:read")]
Setting = Annotated[Here, needs("settings:write")]
TAB: Final = Tab(SECTION, TABS, "/consent/notices")
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
_NEEDED: Final = translatable("Needed to publish")
#: When each element is needed.
NEEDED: Final[Mapping[str, str]] = {
    "controller": _NEEDED,
    "purposes": _NEEDED,
    "refusal": translatable(
        "Needed to publish, unless agents hear it; such as: tell us if you object, and we stop recording"
    ),
    "full_notice": _NEEDED,
    "retention": translatable("Needed where the law of a place wants it to be spoken"),
}
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
async def show_notices(here: Reading) -> Response:
    """List the notices, newest first."""
    found = await here.vault.consent.notices.list(
        here.account_id, before=read_cursor(here.cursor), limit=_PAGE
    )
    return TAB.page(
        here,
        "notices.html",
        gettext("Notices"),
        notices=found,
        following=next_cursor(found, _PAGE, lambda one: (one.created_at, one.id)),
        modes=dict(translated_pairs(MODE_WORDS.items())),
        audiences=dict(translated_pairs(AUDIENCE_WORDS.items())),
        states=dict(translated_pairs(STATUS_WORDS.items())),
        badges=_STATUS,
    )


@router.get("/consent/notices/new")
async def show_notice_form(here: Reading) -> Response:
    """Show the form of a draft."""
    return _editor(here, None, {"language": here.account.locale, "audience": "caller", "mode": "announce"})


@acts(router, "/consent/notices", again=show_notice_form)
async def draft_notice(here: Setting) -> str:
    """Draft a notice. Without a text it gets the default text."""
    body = checked(NoticeIn, _body(here.form))
    made = await here.vault.consent.notices.draft(here.account_id, body.wish(), actor=here.actor)
    return _path(made.id)


@router.get("/consent/notices/{notice}")
async def show_notice(here: Reading, notice: NoticeId) -> Response:
    """Show a notice; a draft in the editor."""
    found = await here.vault.consent.notices.read(here.account_id, notice)
    return _editor(here, found, _values(found))


@router.get("/consent/notices/{notice}/audio")
async def play_notice(here: Reading, notice: NoticeId) -> Response:
    """Return the audio as telephony plays it."""
    audio = await here.vault.consent.notices.read_own_audio(here.account_id, notice, "pcm")
    return Response(audio, media_type="audio/wav")


@acts(router, "/consent/notices/{notice}", again=show_notice)
async def change_notice(here: Setting, notice: NoticeId) -> str:
    """Replace a draft."""
    body = checked(NoticeIn, _body(here.form))
    await here.vault.consent.notices.change(here.account_id, notice, body.wish(), actor=here.actor)
    return _path(notice)


@router.post("/consent/notices/{notice}/audio")
@comes_back(show_notice)
async def upload_notice_audio(here: Setting, notice: NoticeId) -> Response:
    """Set the audio of a draft from a file; in the mode ``tone``, without a file, it is a beep alone."""
    fields = read_multipart(here.request.headers.get("content-type", ""), await here.request.body())
    form = Form({name: [value.decode(errors="replace")] for name, value in fields.items() if name != "file"})

    async def upload() -> str:
        asked = checked(PromptQuery, {"beep": form.text("beep") or "none"})
        await _save_typed(here, form, notice)
        audio = fields.get("file", b"")
        await here.vault.consent.notices.set_audio(
            here.account_id, notice, audio, asked.wish(), actor=here.actor
        )
        return _path(notice)

    content = b"\n".join(hashlib.sha256(value).digest() for value in fields.values())
    of_path = {"notice": notice}
    return await run_or_show(replace(here, form=form), upload, of_path, again=show_notice, content=content)


@acts(router, "/consent/notices/{notice}/audio/removal", again=show_notice)
async def remove_notice_audio(here: Setting, notice: NoticeId) -> str:
    """Remove the audio of a draft: the platform then speaks the text."""
    await _save_typed(here, here.form, notice)
    await here.vault.consent.notices.remove_audio(here.account_id, notice, actor=here.actor)
    return _path(notice)


@acts(router, "/consent/notices/{notice}/check", again=show_notice)
async def check_notice(here: Setting, notice: NoticeId) -> str:
    """Save a draft as it is typed, and lead to the question whether to publish it if nothing is missing."""
    body = checked(NoticeIn, _body(here.form))
    notices = here.vault.consent.notices
    saved = await notices.change(here.account_id, notice, body.wish(), actor=here.actor)
    if missing := incompleteness(saved, notices.rule_book):
        raise ManyInvalid(missing)
    return f"{TAB.path}/{notice}?confirm=publish"


@acts(router, "/consent/notices/{notice}/publication", again=show_notice)
async def publish_notice_page(here: Setting, notice: NoticeId) -> str:
    """Publish a draft, with the account's name typed: it never changes afterwards."""
    here.confirm()
    await here.vault.consent.notices.publish(here.account_id, notice, actor=here.actor)
    return _path(notice, "notice_published")


@acts(router, "/consent/notices/{notice}/retirement", again=show_notice)
async def retire_notice_page(here: Setting, notice: NoticeId) -> str:
    """Retire a published version, with the account's name typed."""
    here.confirm()
    await here.vault.consent.notices.retire(here.account_id, notice, actor=here.actor)
    return _path(notice, "notice_retired")


@acts(router, "/consent/notices/{notice}/deletion", again=show_notice)
async def delete_draft(here: Setting, notice: NoticeId) -> str:
    """Delete a draft, with the account's name typed."""
    here.confirm()
    await here.vault.consent.notices.delete(here.account_id, notice, actor=here.actor)
    return f"{TAB.path}?done=notice_deleted"


async def _save_typed(here: Here, form: Form, notice: str) -> None:
    """Save a draft as it is typed, if the form has its fields: nothing typed is lost by an act on the audio."""
    if form.text("language"):
        body = checked(NoticeIn, _body(form))
        await here.vault.consent.notices.change(here.account_id, notice, body.wish(), actor=here.actor)


def _path(notice_id: str, done: str = "notice_saved") -> str:
    return f"{TAB.path}/{notice_id}?done={done}"


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


def _editor(here: Here, notice: Notice | None, stored: Mapping[str, str]) -> Response:
    return TAB.page(
        here,
        "notice.html",
        gettext("Notice") if notice is not None else gettext("Draft a notice"),
        notice=notice,
        asks_to_publish=here.query("confirm", most=16) == "publish" or here.wrong_form == "publication",
        values={**stored, **here.form.values()},
        audiences=translated_pairs((one, AUDIENCE_WORDS[one]) for one in AUDIENCES),
        modes=translated_pairs((one, MODE_WORDS[one]) for one in NOTICE_MODES),
        elements=translated_pairs(ELEMENTS),
        needed=NEEDED,
        beeps=translated_pairs(BEEPS),
        states=dict(translated_pairs(STATUS_WORDS.items())),
        badges=_STATUS,
    )

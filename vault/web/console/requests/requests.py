"""Requests of people: a board by what is to be done next with its clocks, the form of a new one, and each request."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Response
from fastapi.responses import StreamingResponse

from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import Verb
from vault.domain.requests.decision import PROVIDING
from vault.domain.requests.found import NOT_SEARCHABLE
from vault.domain.requests.package import part_id
from vault.domain.requests.request import OPEN
from vault.domain.requests.request import Request as PersonRequest
from vault.errors import NotFound
from vault.services.requests.requests import RequestView
from vault.services.service import Vault
from vault.web.console.acts import acts, comes_back
from vault.web.console.forms import Form, checked, country_code, entries, see_other
from vault.web.console.here import Here, Tab, needs
from vault.web.console.requests.receipt_page import receipt_page
from vault.web.console.requests.words import (
    COLUMNS,
    KIND_WORDS,
    METHOD_WORDS,
    NOT_FOUND_WORDS,
    PAUSE_WORDS,
    REGIME_WORDS,
    by_due,
    card,
    codes_of,
    counted_codes,
    is_paused,
    kept_by,
    kind_title,
    reference_of,
    words_of,
)
from vault.web.console.route import console_router
from vault.web.console.words import RECORDING_STATES, REQUEST_STATES, moment_text, moment_value
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.http.translations import gettext, translatable, translated_pairs
from vault.web.schemas.requests.packages import PartQuery
from vault.web.schemas.requests.requests import RequestIn

router = console_router()
Guarding = Annotated[Here, needs("privacy:write")]
Auditing = Annotated[Here, needs("audit:read")]
RequestId = Annotated[str, Path(max_length=64)]
#: As ``vault/web/http/languages.py`` has them.
PageLanguage = Literal["en", "fr", "de", "es"]
SECTION: Final = "Requests"
#: The page of the account's closure, which is a request that no person makes.
CLOSURE: Final = "/closure"
#: The page of the callback about requests.
CALLBACK: Final = "/request-callback"
TABS: Final = (
    {"name": translatable("Requests of people"), "path": "/requests"},
    {"name": translatable("Callback"), "path": CALLBACK},
    {"name": translatable("Closure of the account"), "path": CLOSURE},
)
TAB: Final = Tab(SECTION, TABS, "/requests")
_PAGE: Final = 50
#: Acts of a rule that decide on a request.
DECISIONS: Final[Collection[Verb]] = ("request_erasure", "request_export")
#: Decisions that wait for a second person and are marked; the newest come first.
_ASKED: Final = 200
#: Recordings and calls of a person that the page lists.
SHOWN: Final = 100


@router.get("/requests")
async def show_requests(here: Auditing) -> Response:
    """Show open requests as a board, and closed ones as a list."""
    requests, account_id, columns = here.vault.requests.requests, here.account_id, []
    waiting = await here.vault.approvals.approvals.page(
        account_id, state=ApprovalState.PENDING, kinds=DECISIONS, limit=_ASKED
    )
    asked = frozenset(one.subject for one in waiting)
    for state, name in COLUMNS:
        views = await requests.page(account_id, state=state, due_before=None, before=None, limit=_PAGE)
        columns.append((name, by_due([card(view, here.now, asked) for view in views]), len(views) == _PAGE))
    before = read_cursor(here.cursor)
    page = await requests.page(account_id, state=None, due_before=None, before=before, limit=_PAGE)
    return TAB.page(
        here,
        "requests.html",
        gettext("Requests of people"),
        columns=columns,
        closed=[view for view in page if view.request.state not in OPEN],
        following=next_cursor(page, _PAGE, lambda one: (one.request.created_at, one.request.id)),
        kind_title=kind_title,
        reference_of=reference_of,
        states=REQUEST_STATES,
    )


@router.get("/requests/new")
async def show_request_form(here: Auditing) -> Response:
    """Show the form of a request."""
    values = here.values({"regime": "gdpr", "received_at": moment_value(here.now)})
    mistake = here.mistake
    if mistake is not None:
        here = replace(here, mistake=mistake.renamed(lambda one: _form_field(one, values)))
    return TAB.page(
        here,
        "request_new.html",
        gettext("Enter a request"),
        kinds=translated_pairs(KIND_WORDS.items()),
        regimes=translated_pairs(REGIME_WORDS),
        home=await here.vault.requests.requests.find.certain_numbers.home_regions(here.account_id),
        values=values,
    )


@acts(router, "/requests", again=show_request_form)
async def enter_request(here: Guarding) -> str:
    """Enter a request."""
    new = checked(RequestIn, _body(here.form)).new(actor=here.actor)
    view, _ = await here.vault.requests.requests.receive(here.account_id, new, actor=here.actor)
    return f"/requests/{view.request.id}?done=request_entered"


@router.get("/requests/{request_id}")
async def show_request(here: Auditing, request_id: RequestId) -> Response:
    """Show a request, and while it is open what is found of the person now. The closure has a page of its own."""
    view = await here.vault.requests.requests.read(here.account_id, request_id)
    shown, now = view.request, here.now
    if shown.kind == "closure":
        return see_other(f"{here.allowed.path}{CLOSURE}")
    uncut = await _uncut(here, view)
    is_long = view.found is not None and len(view.found.recordings) > SHOWN
    return TAB.page(
        here,
        "request.html",
        kind_title(shown.kind),
        view=view,
        one=shown,
        card=card(view, now),
        is_open=shown.state in OPEN,
        is_paused=is_paused(shown),
        states=REQUEST_STATES,
        approval=await _approval(here.vault, shown),
        methods=translated_pairs(METHOD_WORDS),
        pauses=translated_pairs(PAUSE_WORDS),
        codes=codes_of(shown.kind),
        counted_codes=counted_codes(shown.kind, view.found, None if is_long else uncut),
        uncut=uncut,
        words_of=words_of,
        not_searchable=[NOT_FOUND_WORDS[one] for one in NOT_SEARCHABLE],
        recording_states=RECORDING_STATES,
        most=SHOWN,
        kept=kept_by(shown),
        parts=await _parts(here.vault, shown),
        values={"at": moment_value(now), "told_at": moment_value(now), **here.form.values()},
    )


@router.get("/requests/{request_id}/receipt")
async def show_receipt(here: Auditing, request_id: RequestId, page: PageLanguage | None = None) -> Response:
    """Download the receipt of a closed request; with ``page``, as a page for the person in that language."""
    if page is not None:
        return await _receipt_page(here, request_id, page)
    receipt = await here.vault.requests.receipts.read(here.account_id, request_id)
    headers = {"Content-Disposition": f'attachment; filename="receipt-{request_id}.json"'}
    return Response(receipt, media_type="application/octet-stream", headers=headers)


async def _receipt_page(here: Here, request_id: str, language: str) -> Response:
    registers, requests = here.vault.registers.processing_records, here.vault.requests
    view = await requests.requests.read(here.account_id, request_id)
    summary = await requests.receipts.summary(here.account_id, request_id)
    profile = (await registers.read(here.account)).profile
    return receipt_page(
        view.request,
        summary,
        registers.page_texts[language],
        account=here.account.name or here.account.ref,
        contact=None if profile is None else profile.content.requests_to,
    )


@router.post("/requests/{request_id}/package")
@comes_back(show_request)
async def download_package(here: Guarding, request_id: RequestId) -> Response:
    """Download the package, or the part of it that ``part`` numbers. A POST, because each download counts."""
    asked = checked(PartQuery, {"part": (await here.with_form()).form.text("part") or 1})
    size, blocks = await here.vault.requests.packages.download(
        here.account_id, request_id, part=asked.part, actor=here.actor
    )
    headers = {
        "Content-Disposition": f'attachment; filename="package-{part_id(request_id, asked.part)}.zip"',
        "Content-Length": str(size),
    }
    return StreamingResponse(blocks, media_type="application/zip", headers=headers)


async def _uncut(here: Here, view: RequestView) -> Sequence[str]:
    """Return the recordings of the page out of which the person's own channel cannot be cut, for who decides."""
    shown, found = view.request, view.found
    if found is None or shown.personal is None or shown.kind not in PROVIDING:
        return ()
    if not here.allows("privacy:write"):
        return ()
    listed = [one.id for one in (*found.recordings[:SHOWN], *found.possible_recordings[:SHOWN])]
    return await here.vault.requests.requests.speaker.uncut(here.account_id, listed, shown.personal)


async def _approval(vault: Vault, shown: PersonRequest) -> Approval | None:
    """Return the decision on a request that waits for a second person."""
    found = await vault.approvals.approvals.page(
        shown.account_id, state=ApprovalState.PENDING, subject=shown.id, kinds=DECISIONS, limit=1
    )
    return next(iter(found), None)


async def _parts(vault: Vault, shown: PersonRequest) -> Sequence[int]:
    """Return the numbers of the parts of a request's package that can be downloaded."""
    try:
        return [one.part or 1 for one in await vault.requests.packages.parts(shown.account_id, shown.id)]
    except NotFound:
        return ()


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes; numbers and agents have one entry in each line."""
    region = {"region": country_code(form.text("region"))} if form.text("region") else {}
    identities: list[dict[str, str]] = [
        {"type": "number", "value": line} | region for line in form.lines("numbers")
    ]
    identities += [{"type": "agent", "value": line} for line in form.lines("agents")]
    body: dict[str, Any] = {name: form.text(name) for name in ("kind", "regime", "reference")}
    body |= {"received_at": moment_text(form.text("received_at")), "identities": identities}
    body |= {name: form.text(name) for name in ("channel", "wish") if form.text(name)}
    return body | period_of(form)


def period_of(form: Form) -> dict[str, Any]:
    """Return the field ``period`` of a body, if the form has one."""
    sent = {name: moment_text(form.text(name)) for name in ("from", "to") if form.text(name)}
    return {"period": sent} if sent else {}


def _form_field(field: str, values: Mapping[str, str]) -> str:
    """Return the form's field of a field of the body: an entry of ``identities`` is a number or an agent."""
    head, _, rest = field.partition(".")
    if head == "period":
        return rest or "from"
    if head != "identities":
        return field
    place, _, part = rest.partition(".")
    if part == "region":
        return part
    if not place.isdecimal():
        return "numbers"
    entry = int(place) + 1
    numbers = len(entries(values.get("numbers", "")))
    return f"numbers.{entry - 1}" if entry <= numbers else f"agents.{entry - numbers - 1}"

"""HTML pages: auto-escaped templates, their static files, and one strict Content-Security-Policy."""

import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path as FilePath
from typing import Final

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from vault.errors import NotFound, VaultError
from vault.rfc3339 import write_rfc3339
from vault.web.http.conditions import unmet
from vault.web.http.languages import CHOICE, DEFAULT, LANGUAGES, NAMES, VARY, texts_of
from vault.web.http.named import BELL, PROBLEMS, linked, named, pages
from vault.web.http.problems import of_error
from vault.web.http.service_texts import marked_of_service, patterns
from vault.web.http.translations import catalogue, current_language, prepare

router = APIRouter(tags=["playback"])
_PAGES = FilePath(__file__).parents[1] / "pages"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADING: Final = '<th scope="col"'
_CELL: Final = re.compile(r"<(td|th)(?=[\s>])")
_END_OF_HEAD: Final = "</thead>"


def page(name: str, *, status: int = 200, **values: object) -> Response:
    """Render a template as a response; an undefined variable in it is an error."""
    return _html(environment().get_template(name).render(**values), status)


def _html(html: str, status: int) -> Response:
    headers = {"Content-Security-Policy": _POLICY}
    return Response(html, status_code=status, media_type="text/html", headers=headers)


def time_of(moment: datetime) -> Markup:
    """Return the element of a time, which a script shows in the time zone of the reader."""
    exact = write_rfc3339(moment, "seconds")
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(exact, moment)


def listener_page(name: str, language: str, *, status: int = 200, **values: object) -> Response:
    """Render a page for listeners in one of ``languages.LANGUAGES``; its template has the texts as ``t``."""
    response = page(name, status=status, language=language, t=texts_of(language), **values)
    response.headers.update(_of_language(language))
    return response


def _of_language(language: str) -> dict[str, str]:
    return {"Content-Language": language, "Vary": VARY}


def translated_page(name: str, *, status: int = 200, **values: object) -> Response:
    """Render a page of the console in the current language (``translations.py``)."""
    language = current_language()
    response = page(name, status=status, language=language, **values)
    response.headers.update(_of_language(language))
    return response


def message(texts: str, language: str, *, status: int) -> Response:
    """Return a page that says one thing: the title and the text of a section, such as ``closed.used``."""
    found = texts_of(language)
    for name in texts.split("."):
        found = found[name]
    return listener_page("message.html", language, status=status, message=found)


def not_valid(language: str = DEFAULT) -> Response:
    """Return the page for a dead link: the same for unknown, expired, revoked, used up and erased."""
    # A flood of forged links asks for it more often than for anything else, so it is rendered once in each language.
    response = _html(_not_valid(language), 404)
    response.headers.update(_of_language(language))
    return response


@cache
def _not_valid(language: str) -> str:
    return bytes(message("not_valid", language, status=404).body).decode()


def refusal(error: VaultError, language: str = DEFAULT) -> Response:
    """Return the HTML page for an error, with the status and Retry-After of its problem document."""
    if isinstance(error, NotFound):
        return not_valid(language)
    problem = of_error(error)
    response = message("trouble", language, status=problem.status_code)
    if (delay := problem.headers.get("retry-after")) is not None:
        response.headers["Retry-After"] = delay
    return response


@router.get("/static/{name}", include_in_schema=False, response_class=Response)
async def get_static(request: Request, name: str) -> Response:
    """Serve a static file of the pages. Browsers revalidate it, so a page never runs with an old script."""
    files = _static()
    if name not in files:
        raise NotFound("Not found.")
    content, tag = files[name]
    headers = {"ETag": tag, "Cache-Control": "public, no-cache"}
    if (answered := unmet(request.headers, tag, headers)) is not None:
        return answered
    return Response(content, media_type=_TYPES[FilePath(name).suffix], headers=headers)


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    made = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    prepare(made)
    made.filters.update(
        of_service=marked_of_service, stacked=stacked, named=named, linked=linked, pages=pages
    )
    made.globals.update(bell_mark=BELL, problems_mark=PROBLEMS)
    made.globals.update(language_names=NAMES, languages_label=CHOICE)
    return made


@cache
def prepare_console() -> None:
    """Compile the console's templates and read its catalogues: half a second of work, done in a thread once."""
    made = environment()
    for name in made.list_templates(filter_func=lambda one: one.startswith("console/")):
        if name.endswith(".html"):
            made.get_template(name)
    for language in LANGUAGES:
        catalogue(language)
    patterns()


@cache
def _static() -> dict[str, tuple[bytes, str]]:
    """Return content and ETag of each static file by its name, without the templates."""
    found = {}
    for file in _PAGES.iterdir():
        if file.suffix in _TYPES:
            content = file.read_bytes()
            found[file.name] = content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return found


def stacked(table: str) -> Markup:
    """Return a rendered table whose data cells each have the heading of their column as ``data-label``.

    So a template writes each heading once. Headings are plain text. Cells are counted from the first column on: only
    the last cell of a row may span columns. Text that was filled in is escaped, so what looks like a tag here is one.
    """
    # As plain text: Markup would escape what is joined to it.
    head, mark, body = str(table).partition(_END_OF_HEAD)
    headings = [piece.partition(">")[2].partition("<")[0] for piece in head.split(_HEADING)[1:]]
    labels = [words.replace('"', "&quot;") for words in headings]
    rows = body.split("<tr")
    return Markup(head + mark + "<tr".join(_labelled(row, labels) for row in rows))  # noqa: S704 - jinja2 rendered it


def _labelled(row: str, labels: list[str]) -> str:
    columns = iter(labels)

    def label(cell: re.Match[str]) -> str:
        words = next(columns, "")
        return f'<td data-label="{words}"' if cell[1] == "td" and words else cell[0]

    return _CELL.sub(label, row)

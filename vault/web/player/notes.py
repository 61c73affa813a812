"""Forms of notes and bookmarks in the player: make, change and delete one's own. Scripts send the same forms."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.domain.playback.note import NoteContent
from vault.errors import Invalid, NotFound, Refused, VaultError
from vault.services.service import Vault
from vault.web.http.auth import TheVault
from vault.web.http.html import message, not_valid, refusal
from vault.web.http.languages import language_of
from vault.web.player.forms import field_in, is_from_another_site
from vault.web.player.own_notes import Author, Mistake, author_of, seconds_of
from vault.web.player.sessions import SessionId, closed, find_session, secret_of, session_path, show_player
from vault.web.schemas.base import line_feeds, readable_lines

router = APIRouter(prefix="/s/{session}/notes", include_in_schema=False, default_response_class=Response)
NoteId = Annotated[str, Path(max_length=64)]
_FORBIDDEN: Final = 403
#: Keys of the texts, by the code of a refusal.
_WHY: Final = {"too_many_notes": "full", "held": "held", "restricted": "restricted"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """The request of a form, and its author."""

    vault: Vault
    found: SessionWithLink
    author: Author
    #: The body of the form, and its fields as they were filled in.
    body: bytes
    at: str
    text: str
    for_crm: bool

    @property
    def where(self) -> tuple[str, str]:
        """Return the account and the recording."""
        return self.found.session.account_id, self.found.session.recording_id

    def content(self) -> NoteContent:
        """Return what the fields say. Raises Invalid."""
        return NoteContent(at=seconds_of(self.at), text=_readable(self.text), for_crm=self.for_crm)


_Act = Callable[[_Asked], Awaitable[None]]


@router.post("")
async def post_note_form(request: Request, vault: TheVault, session: SessionId) -> Response:
    """Make a note; a form that is sent twice makes one."""

    async def make(asked: _Asked) -> None:
        async def answer() -> tuple[int, bytes]:
            made = await vault.playback.own_notes.add(*asked.where, asked.content(), author=asked.author.id)
            return 303, made.id.encode()

        await vault.accounts.idempotency.run(
            key_id=asked.author.session_id,
            bearer=secret_of(request, session),
            idempotency_key=field_in(asked.body, "nonce"),
            request=b"POST " + request.url.path.encode() + b"\n" + asked.body,
            answer=answer,
        )

    return await _carry_out(request, vault, session, make)


@router.post("/{note}")
async def change_note_form(request: Request, vault: TheVault, session: SessionId, note: NoteId) -> Response:
    """Change a note."""

    async def change(asked: _Asked) -> None:
        content = asked.content()
        await vault.playback.own_notes.change(*asked.where, note, lambda _: content, author=asked.author.id)

    return await _carry_out(request, vault, session, change, note=note)


@router.post("/{note}/deletion")
async def delete_note_form(request: Request, vault: TheVault, session: SessionId, note: NoteId) -> Response:
    """Delete a note."""

    async def delete(asked: _Asked) -> None:
        await vault.playback.own_notes.delete(*asked.where, note, author=asked.author.id)

    return await _carry_out(request, vault, session, delete, note=note)


async def _carry_out(
    request: Request, vault: Vault, session: str, act: _Act, *, note: str | None = None
) -> Response:
    """Carry out a form, and lead back to the player; a refusal is shown there, with the content of the form."""
    language = language_of(request)
    if is_from_another_site(request):
        return not_valid(language)
    try:
        found = await find_session(request, vault, session)
    except NotFound:
        return await closed(request, vault, session)
    try:
        author = await author_of(request, vault, found.session)
        if author is None:
            return message("notes.signed_out", language, status=_FORBIDDEN)
        body = await request.body()
        at, text, for_crm = (field_in(body, name) for name in ("at", "text", "for_crm"))
        asked = _Asked(
            vault=vault,
            found=found,
            author=author,
            body=body,
            at=at,
            text=line_feeds(text),
            for_crm=bool(for_crm),
        )
        try:
            await act(asked)
        except (Invalid, Refused) as error:
            mistake = Mistake(why=_why(error), at=at, text=asked.text, for_crm=asked.for_crm, note=note)
            return await show_player(request, vault, found, mistake)
        except NotFound:
            pass  # Another tab deleted it: the page shows what there is.
    except VaultError as error:
        return refusal(error, language)
    return Response(status_code=303, headers={"Location": f"{session_path(request, session)}#notes"})


def _readable(text: str) -> str:
    """Return a text that REST takes as well. Raises Invalid."""
    try:
        return readable_lines(text)
    except ValueError as error:
        raise Invalid(f"text {error}.", field="text") from error


def _why(error: Invalid | Refused) -> str:
    """Return the key of the text that says why."""
    if isinstance(error, Invalid):
        return f"wrong_{error.field}" if error.field in {"text", "for_crm"} else "wrong_at"
    return next((_WHY[code] for code in error.reasons if code in _WHY), "again")

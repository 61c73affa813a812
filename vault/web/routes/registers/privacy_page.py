"""The privacy page for callers, which a notice names as its full privacy notice: public, static, without script."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from vault.errors import VaultError
from vault.web.contract.descriptions import pages
from vault.web.http import html
from vault.web.http.auth import TheVault
from vault.web.http.conditions import unmet
from vault.web.http.languages import language_of

router = APIRouter(tags=["registers"])
PageId = Annotated[str, Path(max_length=64)]
#: A change is seen after a quarter of an hour at the latest.
_CACHE_CONTROL = "public, max-age=900"


@router.head("/privacy/{page}", include_in_schema=False)
@router.get("/privacy/{page}", response_class=Response, responses=pages("The privacy page"))
async def get_privacy_page(request: Request, vault: TheVault, page: PageId) -> Response:
    """Show the privacy page in the account's language. 404 until it is published."""
    return await _page(request, vault, page, None)


@router.head("/privacy/{page}/{language}", include_in_schema=False)
@router.get("/privacy/{page}/{language}", response_class=Response, responses=pages("The privacy page"))
async def get_privacy_page_in(
    request: Request,
    vault: TheVault,
    page: PageId,
    language: Annotated[str, Path(max_length=35)],
) -> Response:
    """Show the privacy page in a language: `de`, `en` or `fr`. What the account typed is not translated."""
    return await _page(request, vault, page, language)


async def _page(request: Request, vault: TheVault, page_id: str, language: str | None) -> Response:
    try:
        shown, texts = await vault.registers.processing_records.page(page_id, language)
    except VaultError as error:
        return html.refusal(error, language_of(request))
    others = [one for one in vault.registers.processing_records.page_texts.values() if one is not texts]
    path = f"/privacy/{request.app.state.hosting.labelled(shown.id)}"
    answer = html.page(
        "privacy.html", page=shown, path=path, texts=texts.texts, language=texts, others=others
    )
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _CACHE_CONTROL}
    if (answered := unmet(request.headers, tag, headers)) is not None:
        return answered
    answer.headers.update(headers)
    return answer

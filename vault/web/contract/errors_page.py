"""The page that the ``type`` of every problem document leads to."""

from fastapi import APIRouter, Response

from vault.web.contract.reference_page import CACHED
from vault.web.http.html import page
from vault.web.http.problem_types import PAGE, TYPES

router = APIRouter(include_in_schema=False)


@router.get(PAGE, response_class=Response)
async def get_errors() -> Response:
    """Serve the page."""
    shown = page("errors.html", types=TYPES)
    shown.headers.update(CACHED)
    return shown

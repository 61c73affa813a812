"""For machines that look after the service: is it alive, and should it be sent requests."""

from fastapi import APIRouter, Request, Response

from vault.web.contract.descriptions import text
from vault.web.http.problems import problem
from vault.web.http.readiness import Readiness

router = APIRouter(tags=["operation"])


@router.get("/healthz", response_class=Response, responses={200: text("`alive`")})
async def healthz() -> Response:
    """Say that the process answers."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz", response_class=Response, responses={200: text("`ready`")})
async def readyz(request: Request) -> Response:
    """Say whether database, object store and root key do their work, and whether this node is to stop.

    A load balancer sends nothing here while one does not; each reason is named.
    """
    readiness: Readiness = request.app.state.readiness
    if troubles := await readiness.troubles():
        detail, causes = " ".join(troubles.values()), list(troubles)
        return problem(503, detail, headers={"Retry-After": "5"}, reasons=causes)
    return Response("ready\n", media_type="text/plain")

"""Liveness and readiness, for load balancers and monitoring."""

from fastapi import APIRouter, Request, Response

from vault.web.contract.descriptions import text
from vault.web.http.problems import problem
from vault.web.http.readiness import Readiness

router = APIRouter(tags=["operation"])


@router.get("/healthz", response_class=Response, responses={200: text("`alive`")})
async def healthz() -> Response:
    """Show that the process is alive."""
    return Response("alive\n", media_type="text/plain")


@router.get("/readyz", response_class=Response, responses={200: text("`ready`")})
async def readyz(request: Request) -> Response:
    """Show whether this node is ready. It checks the database, the object store and the root key.

    503 with all reasons while one of them fails, while the node is shutting down, and in recovery mode.
    """
    readiness: Readiness = request.app.state.readiness
    if troubles := await readiness.troubles():
        detail, causes = " ".join(troubles.values()), list(troubles)
        return problem(503, detail, headers={"Retry-After": "5"}, reasons=causes)
    return Response("ready\n", media_type="text/plain")

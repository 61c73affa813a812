"""The limit of failed sign-ins for each client address: a minute's worth, then 429 for the rest of that minute."""

from fastapi import Request

from vault.web.http.client_address import client_address
from vault.web.middleware.link_rate_limit import FailedLinks


def check_rate(request: Request) -> None:
    """Raise TooMany while the client's address is over the limit."""
    address = client_address(request)
    if address is not None:
        _failures(request).check(address, request.app.state.clock())


def count_failure(request: Request) -> None:
    """Count a failed sign-in of the client's address."""
    address = client_address(request)
    if address is not None:
        _failures(request).count(address, request.app.state.clock())


def _failures(request: Request) -> FailedLinks:
    failures: FailedLinks = request.app.state.failed_sign_ins
    return failures

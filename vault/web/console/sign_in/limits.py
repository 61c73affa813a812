"""The limits of sign-ins for each client address: a minute's worth, then 429 for the rest of that minute."""

from typing import Final

from fastapi import Request

from vault.web.http.client_address import AddressLimit, limited_address

#: Max sign-ins at a provider that one address begins within a minute. Each leaves a row for ten minutes, and needs no
#: secret; an office behind one address begins its day with some hundred.
MAX_BEGUN: Final = 300
#: Max failed sign-ins of one address within a minute.
MAX_FAILED: Final = 60


def wrong_sign_ins() -> AddressLimit:
    """Return an empty table of failed sign-ins."""
    return AddressLimit(MAX_FAILED, "Too many wrong sign-ins from this address.")


def begun_sign_ins(limit: int = MAX_BEGUN) -> AddressLimit:
    """Return an empty table of sign-ins that were begun."""
    return AddressLimit(limit, "Too many sign-ins were begun from this address.")


def check_rate(request: Request) -> None:
    """Raise TooMany while the client's address has reached the limit of failed sign-ins."""
    address = limited_address(request)
    if address is not None:
        _failures(request).check(address, request.app.state.clock())


def count_failure(request: Request) -> None:
    """Count a failed sign-in of the client's address."""
    address = limited_address(request)
    if address is not None:
        _failures(request).count(address, request.app.state.clock())


def count_begun(request: Request) -> None:
    """Count a sign-in that begins. Raises TooMany, without counting, once the limit is reached."""
    address, begun = limited_address(request), request.app.state.begun_sign_ins
    if address is not None:
        begun.check(address, request.app.state.clock())
        begun.count(address, request.app.state.clock())


def _failures(request: Request) -> AddressLimit:
    failures: AddressLimit = request.app.state.failed_sign_ins
    return failures

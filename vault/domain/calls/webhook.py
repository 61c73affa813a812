"""One raw webhook delivery, as it is authenticated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An HTTP request before its authentication."""

    method: str
    #: The vault's URL at the provider: from settings, never from the Host header.
    url: str
    #: Names in lower case; the values of a repeated header are joined by a comma.
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

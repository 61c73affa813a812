"""One delivery of a webhook, raw, as it is authenticated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came over HTTP, before anything of it is believed."""

    method: str
    #: The URL under which the provider knows the vault: from settings, never from the Host header.
    url: str
    #: Names in lower case; of a repeated header the values are joined by a comma.
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime

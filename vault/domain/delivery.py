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


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRequest:
    """How one recording is fetched from its provider."""

    url: str
    #: Credentials, for the provider's own hosts alone. Empty for pre-signed URLs.
    headers: Mapping[str, str]
    #: Hosts the URL may name: exact names, or ``*.`` and a suffix; the operator's list comes on top.
    hosts: tuple[str, ...]

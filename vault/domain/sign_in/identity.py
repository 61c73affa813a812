"""Whether two people of the vault are one human: a keyed hash of issuer and subject, the same in every connection.

The id of a person belongs to a connection. An approval by a second person and a removal ask for the human, who may sign
in by several connections, and as an operator too.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from vault.domain.sign_in.connection import OPERATORS
from vault.domain.urls import split_url

#: Hosts of Microsoft Entra. It says another ``sub`` to each client, and one ``oid`` to all clients of a tenant.
_ENTRA: Final = frozenset(
    {
        "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn",
        "sts.windows.net",
    }
)  # fmt: skip


def stable_subject(issuer: str, subject: str, claims: Mapping[str, Any]) -> tuple[str, str]:
    """Return issuer and subject as they are the same for every client of the provider, as far as it says so."""
    tenant, object_id = claims.get("tid"), claims.get("oid")
    parts = split_url(issuer)
    entra = parts.hostname in _ENTRA and isinstance(tenant, str) and tenant in parts.path.split("/")
    if entra and isinstance(object_id, str) and object_id:
        return f"entra/{tenant}", object_id
    return issuer, subject


def provisioned_subject(issuer: str, external_id: str) -> tuple[str, str]:
    """Return what ``stable_subject`` returns at the sign-in of a person of whom a directory tells ``externalId``.

    It has to be the subject at the issuer, and for Microsoft Entra the object id.
    """
    tenant = split_url(issuer).path.strip("/").partition("/")[0]
    return stable_subject(issuer, external_id, {"tid": tenant, "oid": external_id})


def new_identity(key: bytes, account_id: str, issuer: str, subject: str) -> str:
    """Return the identity of a human in an account, under a key of the vault; for OPERATORS that of operators."""
    digest = hmac.digest(key, json.dumps([issuer, subject]).encode(), hashlib.sha256)
    return identity_in(f"idn_{digest.hex()}", account_id)


def identity_in(operator_identity: str, account_id: str) -> str:
    """Return the identity that an operator has in an account.

    Those of two accounts cannot be compared without that of the operator, so that the logs of two accounts do not say
    who is in both.
    """
    if account_id == OPERATORS:
        return operator_identity
    return f"idn_{hmac.digest(operator_identity.encode(), account_id.encode(), hashlib.sha256).hex()}"

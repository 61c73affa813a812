"""Makes requests to the API of a system.

Every system has the setting ``api_base``, the address of a simulated system that takes the place of its own, for
trials. It names no public host, so who may change settings cannot have a stored token sent to his own; and nothing
inside the operator's network is reached that the operator has not listed.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, urlencode, urlsplit

from vault.domain.crm.exchange import CrmRequest
from vault.errors import Invalid
from vault.ports.crm import FormField, Settings

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
API_BASE: Final = FormField(
    name="api_base",
    pattern=re.compile(r"http://(?:127\.0\.0\.1|[a-z][a-z0-9-]{0,62})(?::[1-9][0-9]{0,4})?"),
    rule="the address of a simulated system, such as http://127.0.0.1:8091",
    is_required=False,
)
#: A name that an account has at a system, as the first label of its host.
SUBDOMAIN: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
SECRET: Final = re.compile(r"[!-~]{8,2000}")


def base_of(settings: Settings, usual: str) -> str:
    """Return the base address of an API without a slash at its end. Raises Invalid for a bad ``api_base``."""
    base = settings.get("api_base")
    if base is None:
        return usual
    if API_BASE.pattern.fullmatch(base) is None:
        raise Invalid(f"api_base must be {API_BASE.rule}.", field="api_base")
    return base


def host_of(address: str) -> str:
    """Return the host of an address."""
    return urlsplit(address).hostname or ""


def label_of(settings: Settings, name: str) -> str:
    """Return a setting that is a label of a host. Raises Invalid, naming it, for any other text."""
    value = settings.get(name, "")
    if SUBDOMAIN.fullmatch(value) is None:
        raise Invalid(f"{name} must be letters, digits and hyphens, such as example.", field=name)
    return value


def request(
    method: Method,
    url: str,
    authorization: Mapping[str, str],
    body: object = None,
    query: Mapping[str, str] | None = None,
) -> CrmRequest:
    """Return a request with a JSON body, if there is one."""
    headers = {"Accept": "application/json", **authorization}
    data = b""
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    # Some systems read a plus as itself, so a blank is never one.
    address = url if query is None else f"{url}?{urlencode(query, quote_via=quote)}"
    return CrmRequest(method=method, url=address, headers=headers, body=data, hosts=(host_of(url),))


def form_request(url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> CrmRequest:
    """Return a POST of a form."""
    kind = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    return CrmRequest(
        method="POST",
        url=url,
        headers={**kind, **headers},
        body=urlencode(fields).encode(),
        hosts=(host_of(url),),
    )


def bearer(token: str) -> Mapping[str, str]:
    """Return the header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> Mapping[str, str]:
    """Return the header of HTTP Basic (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")}


def path_id(text: str) -> str:
    """Return an id as one segment of a path."""
    return quote(text, safe="")

"""Fields of a JSON object as a provider sends it, each with its own name in the error.

Names that the vault keys on are strict; what people wrote is cleaned and kept; null and blank text say
nothing. A field that is absent is not an error here: which ones are needed is the adapter's to say.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from vault.errors import Invalid
from vault.telephony.http.url import MAX_URL, parse_media_url
from vault.telephony.parsing.phone_number import clean, normalize
from vault.telephony.parsing.timestamps import from_rfc3339, from_unix

#: Characters of a name that a provider gives to a call or a recording.
MAX_REF = 200

#: What a provider issues as a token or an id: one word of ASCII, which fits into any header.
CREDENTIAL = re.compile(r"[!-~]{1,500}")

Json = Mapping[str, object]


def check_fields(credentials: Mapping[str, str], names: tuple[str, ...]) -> None:
    """Raise Invalid, naming the field, unless there are exactly ``names``, each one word of ASCII."""
    if set(credentials) - set(names):
        raise Invalid(f"The credentials are {', '.join(names)} and nothing else.", field="credentials")
    for name in names:
        value = credentials.get(name)
        if not isinstance(value, str) or CREDENTIAL.fullmatch(value) is None:
            raise Invalid(f"The credentials need {name}: one word of printable ASCII.", field=name)


def member(data: Json, key: str, *, path: str = "") -> Json:
    """Return the object under ``key``, empty where there is none. Raises Invalid for anything else."""
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{path}{key} is an object.", field=f"{path}{key}")
    return value


def text(data: Json, key: str, *, path: str = "") -> str | None:
    """Return a string as it was sent; None where it is absent, null or blank. Raises Invalid."""
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{path}{key} is a string.", field=f"{path}{key}")
    return value if value and not value.isspace() else None


def ref(data: Json, key: str, *, path: str = "") -> str | None:
    """Return a name: it becomes a key of rows, so nothing of it is changed. Raises Invalid."""
    name = text(data, key, path=path)
    if name is not None and (len(name) > MAX_REF or not name.isprintable()):
        raise Invalid(f"{path}{key} has at most {MAX_REF} printable characters.", field=f"{path}{key}")
    return name


def number(data: Json, key: str, *, path: str = "") -> str | None:
    """Return a telephone number in E.164, or what stands there instead. Raises Invalid for no text."""
    written = text(data, key, path=path)
    return None if written is None else normalize(written) or None


def words(data: Json, key: str, *, path: str = "") -> str | None:
    """Return text of people in one line. Raises Invalid for what is no text."""
    written = text(data, key, path=path)
    return None if written is None else clean(written) or None


def moment(data: Json, key: str, *, path: str = "") -> datetime | None:
    """Return an RFC 3339 timestamp in UTC. Raises Invalid."""
    written = text(data, key, path=path)
    return None if written is None else from_rfc3339(written, field=f"{path}{key}")


def second(data: Json, key: str, *, path: str = "") -> datetime | None:
    """Return a point in time that is written as seconds since 1970. Raises Invalid."""
    value = data.get(key)
    return None if value is None else from_unix(value, field=f"{path}{key}")


def media(data: Json, key: str, *, path: str = "") -> str | None:
    """Return the URL of a recording, if every reader takes it apart alike. Raises Invalid."""
    url = text(data, key, path=path)
    if url is None:
        return None
    try:
        parse_media_url(url)
    except ValueError:
        raise Invalid(
            f"{path}{key} is an http or https URL of at most {MAX_URL} ASCII characters.",
            field=f"{path}{key}",
        ) from None
    return url

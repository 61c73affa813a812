"""Typed access to the fields of a provider's JSON object; errors name the field.

Ids are strict, because the vault uses them as keys; free text is cleaned; null and blank text count as absent.
An absent field is not an error here: the adapter decides which fields are required.
"""

from collections.abc import Mapping
from datetime import datetime

from vault.errors import Invalid
from vault.telephony.http.url import MAX_URL, parse_media_url
from vault.telephony.parsing.phone_number import clean, normalize
from vault.telephony.parsing.timestamps import from_rfc3339, from_unix

#: Maximum characters of a provider's id of a call or a recording.
MAX_REF = 200

Json = Mapping[str, object]


def member(data: Json, key: str, *, path: str = "") -> Json:
    """Return the object under ``key``; an empty one if absent or null. Raises Invalid for any other type."""
    value = data.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"{path}{key} must be an object.", field=f"{path}{key}")
    return value


def text(data: Json, key: str, *, path: str = "") -> str | None:
    """Return a string unchanged; None if it is absent, null or blank. Raises Invalid for any other type."""
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{path}{key} must be a string.", field=f"{path}{key}")
    return value if value and not value.isspace() else None


def ref(data: Json, key: str, *, path: str = "") -> str | None:
    """Return an id unchanged, because it becomes a key of rows. Raises Invalid if it is long or not printable."""
    name = text(data, key, path=path)
    if name is not None and (len(name) > MAX_REF or not name.isprintable()):
        raise Invalid(
            f"{path}{key} must have at most {MAX_REF} characters, all printable.", field=f"{path}{key}"
        )
    return name


def number(data: Json, key: str, *, path: str = "") -> str | None:
    """Return a telephone number in E.164, or other text cleaned. Raises Invalid if it is not a string."""
    written = text(data, key, path=path)
    return None if written is None else normalize(written) or None


def words(data: Json, key: str, *, path: str = "") -> str | None:
    """Return free text in one line. Raises Invalid if it is not a string."""
    written = text(data, key, path=path)
    return None if written is None else clean(written) or None


def moment(data: Json, key: str, *, path: str = "") -> datetime | None:
    """Return an RFC 3339 timestamp in UTC. Raises Invalid."""
    written = text(data, key, path=path)
    return None if written is None else from_rfc3339(written, field=f"{path}{key}")


def second(data: Json, key: str, *, path: str = "") -> datetime | None:
    """Return a point in time from seconds since 1970. Raises Invalid."""
    value = data.get(key)
    return None if value is None else from_unix(value, field=f"{path}{key}")


def media(data: Json, key: str, *, path: str = "") -> str | None:
    """Return the URL of a recording, if all parsers read it the same way. Raises Invalid."""
    url = text(data, key, path=path)
    if url is None:
        return None
    try:
        parse_media_url(url)
    except ValueError:
        raise Invalid(
            f"{path}{key} must be an http or https URL of at most {MAX_URL} ASCII characters.",
            field=f"{path}{key}",
        ) from None
    return url

"""Forms of the pages for listeners: their session, and the content of their one field."""

from urllib.parse import parse_qs

from fastapi import Request

from vault.errors import Invalid

_MAX_FIELDS = 4


def is_from_another_site(request: Request) -> bool:
    """Return whether the browser says that another site sent the form."""
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


def field_in(body: bytes, name: str) -> str:
    """Return the first value of a form's field; empty if the form does not have it. ``RequestLimits`` bounds the body.

    Raises Invalid for a body that is no form or has too many fields.
    """
    try:
        form = parse_qs(body.decode("latin-1"), max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise Invalid(f"The form must have one field: {name}.", field=name) from error
    return form.get(name, [""])[0]

"""A form with a file: multipart/form-data (RFC 7578). To parse it is linear in the body, its fields are bounded."""

import re
from typing import Final

from vault.web.console.mistakes import WordedInvalid
from vault.web.http.translations import gettext

#: The characters of a boundary (RFC 2046, section 5.1.1) that browsers use.
_MULTIPART = re.compile(r'multipart/form-data; ?boundary="?([A-Za-z0-9\'()+_,./:=?-]{1,70})"?', re.ASCII)
_PART_NAME = re.compile(rb'; name="([A-Za-z0-9_.-]{1,64})"')
_MAX_PARTS: Final = 32
_MAX_PART_HEAD: Final = 2048


def read_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """Return the fields by name; the first of a name counts. Raises Invalid for anything that is no such form."""
    found = _MULTIPART.fullmatch(content_type)
    if found is None:
        raise WordedInvalid(gettext("The form cannot be read: it must be multipart/form-data."), field="form")
    delimiter = b"\r\n--" + found[1].encode("ascii")
    # The first delimiter has no line break before it.
    parts = (b"\r\n" + body).split(delimiter, _MAX_PARTS + 1)
    if len(parts) > _MAX_PARTS + 1 or len(parts) < 2 or parts[0] or not parts[-1].startswith(b"--"):  # noqa: PLR2004
        raise WordedInvalid(
            gettext("The form cannot be read: it is not complete, or has too many fields."), field="form"
        )
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, separator, value = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head) if separator and len(head) <= _MAX_PART_HEAD else None
        if name is None:
            raise WordedInvalid(gettext("The form cannot be read: a field has no name."), field="form")
        fields.setdefault(name[1].decode("ascii"), value)
    return fields

"""Serialization shared by all XML call documents."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from vault.domain.calls.call_document import Document
from vault.telephony.call_documents.text_to_speech import remove_invalid_characters

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
#: All platforms accept text/xml too, but old parsers read that as US-ASCII regardless of the declaration (RFC 3023).
MEDIA_TYPE = "application/xml"


def add_element(
    parent: Element, name: str, attributes: Mapping[str, str], text: str | None = None
) -> Element:
    """Append an element and return it. Characters that XML cannot contain are dropped; the rest is escaped."""
    element = SubElement(
        parent, name, {key: remove_invalid_characters(value) for key, value in attributes.items()}
    )
    if text is not None:
        element.text = remove_invalid_characters(text)
    return element


def write_document(response: Element) -> Document:
    """Serialize the document in UTF-8."""
    body = DECLARATION + tostring(response, encoding="unicode")
    return Document(media_type=MEDIA_TYPE, body=body.encode("utf-8"))

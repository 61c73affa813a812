"""What the documents of all platforms that read XML have in common: how they are written."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from vault.domain.calls.call_document import Document
from vault.telephony.call_documents.text_to_speech import carried

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
#: All platforms take text/xml too, which old readers take for US-ASCII whatever the document says (RFC 3023).
MEDIA_TYPE = "application/xml"


def add(parent: Element, name: str, attributes: Mapping[str, str], text: str | None = None) -> Element:
    """Append an element and return it. What XML cannot carry is dropped; the rest is escaped when written."""
    element = SubElement(parent, name, {key: carried(value) for key, value in attributes.items()})
    if text is not None:
        element.text = carried(text)
    return element


def written(response: Element) -> Document:
    """Return the document as its bytes, in UTF-8."""
    body = DECLARATION + tostring(response, encoding="unicode")
    return Document(media_type=MEDIA_TYPE, body=body.encode("utf-8"))

"""JSON of the personal data of a request, for its sealed column."""

from vault.domain.requests.request import PersonalData
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object


def encode_personal_data(personal: PersonalData) -> bytes:
    """Encode the personal data."""
    return write_object(encode_fields(personal))


def decode_personal_data(data: bytes) -> PersonalData:
    """Decode the personal data. Raises Tampered."""
    return decode_fields(PersonalData, read_object(data, "A request"))

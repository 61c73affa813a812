"""Checks requests against the schema that a system publishes, where its licence permits a copy."""

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from jsonschema import Draft202012Validator

from vault.domain.crm.exchange import CrmRequest

_FOLDER = Path(__file__).parent


@cache
def schemas_of(name: str) -> dict[re.Pattern[str], Draft202012Validator]:
    """Return the schemas of a system by method and path; none for a system without a file."""
    file = _FOLDER / f"{name}.json"
    operations = json.loads(file.read_text())["operations"] if file.exists() else {}
    return {
        re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(operation))): Draft202012Validator(schema)
        for operation, schema in operations.items()
    }


def check_schema(name: str, request: CrmRequest) -> bool:
    """Return whether the system has a schema for this request; raise ValidationError if it is not followed."""
    line = f"{request.method} {urlsplit(request.url).path}"
    is_form = request.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    found = [schema for pattern, schema in schemas_of(name).items() if pattern.fullmatch(line)]
    for schema in found:
        schema.validate(dict(parse_qsl(request.body.decode())) if is_form else json.loads(request.body))
    return bool(found)

"""Every place in the code of the vault that hands bytes or text to a parser, and which of them the table reaches."""

import ast
import base64
import binascii
import datetime as dt
import email.utils
import importlib
import ipaddress
import json
import pkgutil
import sys
import tomllib
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from xml.etree import ElementTree as ET

import av
import phonenumbers
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import vault
from tests.hostile.parsers import Row
from tests.hostile.regexes import evaluated
from vault.domain.base64url import decode_base64url
from vault.domain.stored import json_reader
from vault.domain.strict_json import parse_strict
from vault.rfc3339 import parse_rfc3339
from vault.sealing.fields import Fields
from vault.telephony.parsing.forms import parse_form, parse_query
from vault.telephony.parsing.strict_json import parse_object

#: Functions that parse foreign bytes or text; a caller of one needs a row. Add what the vault begins to use.
PARSERS: tuple[Any, ...] = (
    json.load, json.loads, json.JSONDecoder, tomllib.load, tomllib.loads,
    ET.XML, ET.fromstring, ET.parse, ET.iterparse,
    urllib.parse.urlsplit, urllib.parse.urlparse, urllib.parse.parse_qs, urllib.parse.parse_qsl,
    urllib.parse.unquote, urllib.parse.unquote_plus, urllib.parse.unquote_to_bytes,
    base64.b64decode, base64.urlsafe_b64decode, base64.standard_b64decode, base64.b32decode, base64.b16decode,
    binascii.a2b_base64,
    bytes.fromhex, ipaddress.ip_address, ipaddress.ip_interface, ipaddress.ip_network,
    dt.datetime.fromisoformat, dt.datetime.strptime, dt.date.fromisoformat, parse_rfc3339,
    email.utils.parsedate_to_datetime, phonenumbers.parse, av.open,
    serialization.load_der_private_key, serialization.load_pem_private_key,
    serialization.load_der_public_key, serialization.load_pem_public_key,
    x509.load_der_x509_certificate, x509.load_pem_x509_certificate,
    Fields, json_reader.read_object, parse_strict, decode_base64url, parse_object, parse_form, parse_query,
)  # fmt: skip
#: Bytes of the input on which it is seen what a row reaches.
_SHORT = 512


def parse_calls() -> Iterator[str]:
    """Yield every function of ``vault/`` that names a parser, as ``vault.web.http.pagination:read_cursor``."""
    for found in pkgutil.walk_packages(vault.__path__, "vault."):
        if ".migrations." in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        yield from _named(ast.parse(Path(str(module.__file__)).read_text("utf-8")), module, "<module>")


def _named(tree: ast.AST, module: Any, function: str) -> Iterator[str]:
    for field, node in ((name, each) for name, value in ast.iter_fields(tree) for each in _nodes(value)):
        # Annotations name classes and call nothing.
        if field in {"annotation", "returns"}:
            continue
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(node, ast.Name | ast.Attribute) and _is_parser(evaluated(node, module)):
            yield f"{module.__name__}:{inside}"
        yield from _named(node, module, inside)


def _nodes(value: object) -> Iterator[ast.AST]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, ast.AST):
            yield each


def _is_parser(value: Any) -> bool:
    # Not by identity: each look at a class method of C makes another object.
    return any(type(value) is type(parser) and value == parser for parser in PARSERS)


def reached(row: Row) -> set[str]:
    """Return every function of ``vault/`` that a row runs."""
    codes = set[tuple[str, str]]()

    def called(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            codes.add((frame.f_globals.get("__name__", ""), frame.f_code.co_name))

    before = sys.getprofile()
    for shape in row.shapes.values():
        data = shape(min(_SHORT, row.limit))
        sys.setprofile(called)
        try:
            row.run(data)
        finally:
            sys.setprofile(before)
    return {f"{module}:{name}" for module, name in codes if module.startswith("vault.")}

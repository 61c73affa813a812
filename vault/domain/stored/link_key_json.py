"""JSON of the keys that sign links, and of cuts, in the account's object and in closing acts."""

from collections.abc import Sequence
from typing import Any, get_args

from vault.domain.playback.link import Kind
from vault.domain.playback.link_key import Algorithm, LinkCut, LinkKey, Target
from vault.domain.stored.json_reader import Fields

#: An account's id is left out of these: the enclosing object has it.
_KEY = tuple(name for name in LinkKey.__slots__ if name != "account_id")
_CUT = tuple(name for name in LinkCut.__slots__ if name != "account_id")


def encode_link_keys(keys: Sequence[LinkKey], cuts: Sequence[LinkCut]) -> dict[str, Any]:
    """Return the fields of the account's object; none without keys and cuts, as in earlier releases."""
    found = {
        "link_keys": [{name: getattr(key, name) for name in _KEY} for key in keys],
        "link_cuts": [encode_cut_fields(cut) for cut in cuts],
    }
    return {name: items for name, items in found.items() if items}


def decode_link_keys(fields: Fields, account_id: str) -> tuple[LinkKey, ...]:
    """Decode the field of the account's object. Raises Tampered."""
    items = fields.items("link_keys") if fields.has("link_keys") else []
    return tuple(_decode_key_fields(item, account_id) for item in items)


def decode_link_cuts(fields: Fields, account_id: str) -> tuple[LinkCut, ...]:
    """Decode the field of the account's object. Raises Tampered."""
    items = fields.items("link_cuts") if fields.has("link_cuts") else []
    return tuple(decode_cut_fields(item, account_id) for item in items)


def encode_cut_fields(cut: LinkCut) -> dict[str, Any]:
    """Return a cut as a JSON object."""
    return {name: getattr(cut, name) for name in _CUT}


def decode_cut_fields(fields: Fields, account_id: str) -> LinkCut:
    """Decode a cut. Raises Tampered."""
    cut = LinkCut(
        id=fields.text("id"),
        account_id=account_id,
        target=fields.one_of("target", get_args(Target)),
        value=fields.text("value"),
        minted_before=fields.moment("minted_before"),
        created_at=fields.moment("created_at"),
        created_by=fields.text("created_by"),
        sealed_listener=fields.maybe_text("sealed_listener"),
    )
    fields.done()
    return cut


def _decode_key_fields(fields: Fields, account_id: str) -> LinkKey:
    key = LinkKey(
        id=fields.text("id"),
        account_id=account_id,
        name=fields.text("name"),
        algorithm=fields.one_of("algorithm", get_args(Algorithm)),
        public_key=fields.blob("public_key"),
        max_life=fields.integer("max_life", least=1),
        max_sessions=fields.integer("max_sessions", least=1),
        kinds=fields.texts_of("kinds", get_args(Kind)),
        networks=fields.texts("networks"),
        download=fields.flag("download"),
        not_after=fields.maybe_moment("not_after"),
        created_at=fields.moment("created_at"),
        created_by=fields.text("created_by"),
        deleted_at=fields.maybe_moment("deleted_at"),
    )
    fields.done()
    return key

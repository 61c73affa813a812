"""Build the services of links."""

from typing import TypedDict

from vault.composition_parts import Adapters, Parts
from vault.domain.playback.own_token import TokenKey
from vault.services.playback.check_link import CheckLink
from vault.services.playback.doorways import Doorways
from vault.services.playback.link_cuts import LinkCuts
from vault.services.playback.link_keys import LinkKeys
from vault.services.playback.links import Links
from vault.services.playback.open_links import OpenLinks
from vault.services.playback.own_notes import OwnNotes
from vault.services.playback.signed_links import SignedLinks
from vault.services.playback.verify_link_token import LinkTokenVerifier, audience_of
from vault.settings import Settings
from vault.tracing import traced


class LinkServices(TypedDict):
    """The services by their names in ``Vault``."""

    links: Links
    open_links: OpenLinks
    link_keys: LinkKeys
    link_cuts: LinkCuts
    check_link: CheckLink
    doorways: Doorways
    own_notes: OwnNotes


def build_links(settings: Settings, adapters: Adapters, parts: Parts) -> LinkServices:
    """Build the services."""
    database, clock = parts.database, adapters.clock
    token_key = TokenKey.derived_from(adapters.signer.secret)
    verifier = LinkTokenVerifier(
        database=database, token_key=token_key, audience=audience_of(settings.public_url), clock=clock
    )
    signed = SignedLinks(
        database=database, verifier=verifier, ring=adapters.ring, data_keys=parts.data_keys, clock=clock
    )
    return {
        "links": traced(Links)(
            database=database,
            ring=adapters.ring,
            admission=parts.admission,
            data_keys=parts.data_keys,
            clock=clock,
            token_key=token_key,
        ),
        "open_links": traced(OpenLinks)(
            database=database,
            clock=clock,
            data_keys=parts.data_keys,
            allowance=parts.allowance,
            addresses=parts.session_addresses,
            verifier=verifier,
            signed=signed,
        ),
        "check_link": traced(CheckLink)(database=database, clock=clock, verifier=verifier, signed=signed),
        "link_keys": traced(LinkKeys)(database=database, verifier=verifier, token_key=token_key, clock=clock),
        "doorways": traced(Doorways)(database=database, token_key=token_key),
        "own_notes": traced(OwnNotes)(
            database=database, ring=adapters.ring, data_keys=parts.data_keys, clock=clock
        ),
        "link_cuts": traced(LinkCuts)(database=database, data_keys=parts.data_keys, clock=clock),
    }

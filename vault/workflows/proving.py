"""Proving a request of a platform, before anything of it is believed."""

from collections.abc import Mapping

from vault.domain.delivery import Delivery
from vault.errors import NotAuthentic, NotFound
from vault.ports.telephony import Provider
from vault.workflows.opened_connections import OpenedConnection, OpenedConnections


async def prove(
    providers: Mapping[str, Provider],
    connections: OpenedConnections,
    provider_name: str,
    connection_id: str,
    delivery: Delivery,
) -> tuple[Provider, OpenedConnection]:
    """Return the adapter and the connection that the request came by. Raises NotAuthentic, NotFound."""
    provider = providers.get(provider_name)
    if provider is None:
        raise NotFound("There is no such provider.")
    try:
        opened = await connections.get(connection_id)
    except NotFound:
        opened = None
    if opened is None or opened.connection.provider != provider_name:
        # An unknown connection takes the same path, and as long as a wrong signature.
        provider.authenticate(delivery, [])
        raise NotAuthentic("The signature is not valid.")
    try:
        provider.authenticate(delivery, opened.credentials)
    except NotAuthentic:
        if not connections.doubt(connection_id):
            raise
        try:
            opened = await connections.get(connection_id)
        except NotFound:
            # Another node has deleted it.
            raise NotAuthentic("The signature is not valid.") from None
        provider.authenticate(delivery, opened.credentials)
    return provider, opened

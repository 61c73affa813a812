"""Authenticate a platform's request before its content is used."""

from collections.abc import Mapping

from vault.domain.calls.provider_api import Delivery
from vault.errors import NotAuthentic, NotFound
from vault.ports.telephony import Provider
from vault.services.shared.connection_cache import ConnectionCache, OpenedConnection
from vault.structured_log import Log

_LOG = Log(__name__)
_REASONS = {
    "connection": "no connection of this provider has the id in the URL",
    "headers": "the headers that carry the signature are missing or malformed",
    "clock": "the signed timestamp is too far from this machine's clock",
    "body": "the body is not the signed one",
    "signature": "no secret of the connection made this signature; it covers the body, for some providers the URL",
}


async def prove(
    providers: Mapping[str, Provider],
    connections: ConnectionCache,
    provider_name: str,
    connection_id: str,
    delivery: Delivery,
) -> tuple[Provider, OpenedConnection]:
    """Return the adapter and the connection of the request. Raises NotAuthentic, NotFound.

    Which check failed is logged, for the setup of a platform. The client learns nothing that depends on the secret.
    """
    provider = providers.get(provider_name)
    if provider is None:
        raise NotFound("There is no such provider.")
    try:
        opened = await connections.get(connection_id)
    except NotFound:
        opened = None
    if opened is None or opened.connection.provider != provider_name:
        # An unknown connection takes the same path and the same time as a wrong signature.
        _LOG.info("webhook.refused", provider=provider_name, reason=_REASONS["connection"])
        provider.authenticate(delivery, [])
        raise NotAuthentic("The signature is not valid.")
    try:
        provider.authenticate(delivery, opened.credentials)
    except NotAuthentic as error:
        if not connections.doubt(connection_id):
            _log(provider_name, connection_id, error)
            raise
        try:
            opened = await connections.get(connection_id)
        except NotFound:
            # Another node deleted it.
            raise NotAuthentic("The signature is not valid.") from None
        try:
            provider.authenticate(delivery, opened.credentials)
        except NotAuthentic as again:
            _log(provider_name, connection_id, again)
            raise
    return provider, opened


def _log(provider: str, connection_id: str, error: NotAuthentic) -> None:
    _LOG.warning(
        "webhook.refused", provider=provider, connection_id=connection_id, reason=_REASONS[error.failed]
    )

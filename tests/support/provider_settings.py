"""The settings of a sign-in connection whose provider is never asked."""

from vault.domain.sign_in.connection import ProviderSettings, RoleMapping


def provider_settings(*roles: RoleMapping) -> ProviderSettings:
    """Return settings that map these roles by the claim ``groups``."""
    return ProviderSettings(
        issuer="https://idp.example",
        client_id="vault",
        client_secret="s",
        scopes=("openid",),
        claim=("groups",),
        roles=roles,
    )

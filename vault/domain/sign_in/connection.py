"""A sign-in connection: a provider, the vault's client there, and which values of a claim give which role."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from vault.domain.accounts.makers import add_makers
from vault.domain.accounts.roles import LIMITED_ROLES, Role
from vault.domain.field_types import FromOne, Later
from vault.domain.urls import is_loopback, split_url
from vault.errors import Invalid, Refused
from vault.sentence import Sentence

NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
#: Characters of a scope (RFC 6749, section 3.3).
_SCOPE: Final = re.compile(r"[!#-\[\]-~]{1,100}")
_MAX_ISSUER: Final = 500
#: In the place of an account's id: the sign-in of operators, which belongs to no account.
OPERATORS: Final = "acct_" + "0" * 32
MAX_ROLES: Final = 200
#: Maximum agents of one mapping.
MAX_AGENTS: Final = 200

#: Sign-in connections of one account, or of the operators.
MAX_CONNECTIONS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMapping:
    """A person whose claim has this value gets this role."""

    #: Empty until it is stored. A mapping that is taken away and given again has another id.
    id: str = ""
    value: str
    role: Role
    #: Names or ids of agents as the platform reports them; empty means all recordings.
    agents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """The settings that an administrator enters. They are stored sealed."""

    issuer: str
    client_id: str
    #: None for a public client, and for one with ``client_key``.
    client_secret: str | None = field(repr=False)
    scopes: tuple[str, ...]
    #: The names that lead to the claim: ``("realm_access", "roles")``.
    claim: tuple[str, ...]
    roles: tuple[RoleMapping, ...]
    #: A private key made by the vault, with which it signs instead of sending a secret.
    client_key: str | None = field(default=None, repr=False)
    #: Values of ``acr``, one of which a confirmation needs; empty: any.
    acr_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedConnection:
    """A row of a connection."""

    id: str
    account_id: str
    name: str
    revision: FromOne
    sealed_settings: str = field(repr=False)
    changed_at: datetime
    #: Who last gave a role, or named the provider.
    changed_by: str
    #: Everybody who ever did (vault/domain/accounts/makers.py). A node of the release before adds nobody.
    makers: Later[tuple[str, ...]] = ()

    @property
    def all_makers(self) -> tuple[str, ...]:
        """Return everybody who ever gave a role or named the provider, with the one who did last."""
        return add_makers(self.makers, self.changed_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInConnection:
    """A connection with its opened settings."""

    id: str
    account_id: str
    name: str
    revision: int
    settings: ProviderSettings
    changed_at: datetime
    #: Who last gave a role, or named the provider.
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person: (connection, issuer, subject) of a provider and never an e-mail address, or somebody invited."""

    #: A keyed hash of connection, issuer and subject; of an invited person a random id.
    id: str
    account_id: str
    #: None for an invited person, and for one of whom only the removal is known.
    connection_id: str | None
    #: Name, issuer and subject.
    sealed_profile: str | None = field(repr=False)
    #: The ids of the mappings that fitted at the last sign-in; of an invited person, of the roles given.
    role_ids: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    removed_at: datetime | None
    #: A keyed hash of issuer and subject, the same in every connection of the account; None for a person of an earlier
    #: release until it is asked for (vault/domain/sign_in/identity.py).
    identity: str | None = None
    #: What passkeys have in place of a name: 64 random bytes. None for a person of a provider.
    user_handle: bytes | None = None
    #: E-mail address and agents of an invited person, as they were typed (vault/domain/sign_in/invitation.py).
    sealed_terms: str | None = field(default=None, repr=False)
    #: None for a person of a provider. Until the first sign-in ``last_at`` is the same.
    invited_at: datetime | None = None
    #: Counts the changes of an invited person.
    revision: int | None = None
    #: Everybody who ever invited the person, gave a role, or made an address for another passkey.
    makers: tuple[str, ...] = ()

    @property
    def is_invited(self) -> bool:
        """Tell whether the person was invited, and signs in by passkeys."""
        return self.user_handle is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The sealed profile of a person."""

    name: str
    #: Empty for an invited person, as the subject is.
    issuer: str
    subject: str


def account_of(account_id: str) -> str | None:
    """Return the account of events and sessions; None for operators."""
    return None if account_id == OPERATORS else account_id


def encode_profile(profile: Profile) -> str:
    """Encode a profile, to be sealed."""
    return json.dumps(asdict(profile))


def decode_profile(text: str) -> Profile:
    """Decode a profile that the vault sealed."""
    return Profile(**json.loads(text))


def check_settings(settings: ProviderSettings) -> None:
    """Raise Invalid, naming the field, unless the settings can be used."""
    check_issuer(settings.issuer)
    if "openid" not in settings.scopes:
        raise Invalid("scopes must contain openid.", field="scopes")
    if not all(map(_SCOPE.fullmatch, settings.scopes)):
        raise Invalid(
            "scopes must be printable ASCII without spaces, quotes and backslashes.", field="scopes"
        )
    if not all(map(_SCOPE.fullmatch, settings.acr_values)):
        text = "acr_values must be printable ASCII without spaces, quotes and backslashes."
        raise Invalid(text, field="acr_values")
    if not settings.client_id.isascii() or not settings.client_id.isprintable():
        raise Invalid("client_id must be printable ASCII.", field="client_id")
    pairs = [(mapping.value, mapping.role) for mapping in settings.roles]
    if len(pairs) != len(set(pairs)):
        raise Invalid("roles must not have the same value and role twice.", field="roles")
    for place, mapping in enumerate(settings.roles):
        if mapping.agents and mapping.role not in LIMITED_ROLES:
            limited = " and ".join(sorted(LIMITED_ROLES))
            text = Sentence("agents can limit only the roles %(roles)s.", roles=limited)
            raise Invalid(text, field=f"roles.{place}.agents")


def encode_settings(settings: ProviderSettings) -> str:
    """Encode settings, to be sealed."""
    return json.dumps({"v": 1} | asdict(settings), separators=(",", ":"))


def decode_settings(text: str) -> ProviderSettings:
    """Decode settings that the vault sealed."""
    values: dict[str, Any] = json.loads(text)
    return ProviderSettings(
        issuer=values["issuer"],
        client_id=values["client_id"],
        client_secret=values["client_secret"],
        scopes=tuple(values["scopes"]),
        claim=tuple(values["claim"]),
        roles=tuple(
            RoleMapping(**mapping | {"agents": tuple(mapping.get("agents", ()))})
            for mapping in values["roles"]
        ),
        client_key=values.get("client_key"),
        acr_values=tuple(values.get("acr_values", ())),
    )


def with_ids(
    after: ProviderSettings, before: ProviderSettings | None, new_ids: Sequence[str]
) -> tuple[ProviderSettings, Sequence[RoleMapping], Sequence[RoleMapping]]:
    """Return the settings with an id for each mapping, the mappings that are new, and those that are gone.

    A mapping keeps its id while issuer, client and claim stay: else its value means something else. Other agents make
    another mapping too.
    """
    same = before is not None and (before.issuer, before.client_id, before.claim) == (
        after.issuer,
        after.client_id,
        after.claim,
    )
    mappings = {(m.value, m.role, m.agents): m for m in before.roles} if before is not None and same else {}
    fresh = iter(new_ids)
    roles = tuple(
        mappings.get((m.value, m.role, m.agents)) or replace(m, id=next(fresh)) for m in after.roles
    )
    earlier_ids = {mapping.id for mapping in mappings.values()}
    left = {mapping.id for mapping in roles}
    settings = replace(after, roles=roles)
    gone = [] if before is None else [mapping for mapping in before.roles if mapping.id not in left]
    return settings, [mapping for mapping in roles if mapping.id not in earlier_ids], gone


def check_issuer(issuer: str) -> None:
    """Raise Invalid unless it is https, or plain http on this machine, and nothing but an address."""
    parts = split_url(issuer)
    plain = parts.scheme == "http" and is_loopback(parts.hostname)
    usable = (
        len(issuer) <= _MAX_ISSUER
        and issuer.isascii()
        and issuer.isprintable()
        and " " not in issuer
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and not {"?", "#", "\\"} & set(issuer)
        and (parts.scheme == "https" or plain)
    )
    if not usable:
        raise Invalid(
            "issuer must be the provider's https URL exactly as its discovery document says it, without a query. "
            "Plain http is for a provider on this machine.",
            field="issuer",
        )


def require_room(connection: SealedConnection, others: Sequence[SealedConnection]) -> None:
    """Raise Refused for a new connection of an account that has the maximum already."""
    if connection.revision == 1 and len(others) >= MAX_CONNECTIONS:
        text = f"There are {MAX_CONNECTIONS} sign-in connections, the maximum. Delete one that nobody uses."
        raise Refused(text, reasons=("too_many_sign_in_connections",))


def opens_sign_in(
    before: ProviderSettings | None, after: ProviderSettings, granted: Sequence[RoleMapping]
) -> bool:
    """Return whether a change gives a role, or lets another provider, client, claim or ``acr`` say who it is."""
    if before is None or granted or not is_same_client(before, after) or before.claim != after.claim:
        return True
    weaker = not after.acr_values or set(after.acr_values) - set(before.acr_values)
    return bool(before.acr_values and weaker)


def is_same_client(before: ProviderSettings | None, after: ProviderSettings) -> bool:
    """Return whether provider and client stay."""
    return before is not None and (before.issuer, before.client_id) == (after.issuer, after.client_id)

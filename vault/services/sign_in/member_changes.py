"""What an administrator enters about a person: sealed, hashed, and compared with the roles that the person has."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from vault.domain.accounts.roles import LIMITED_ROLES, Role
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import PersonRow, Profile, RoleMapping
from vault.domain.sign_in.invitation import MemberTerms, decode_terms, encode_terms
from vault.errors import Invalid
from vault.sentence import Sentence
from vault.services.shared.encrypted_fields import name_term
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.opened_connections import OpenedConnections


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberBefore:
    """An invited person, and the id of each role by the role and the hashes of its agents."""

    person: PersonRow
    roles: Mapping[tuple[Role, frozenset[str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A change that is ready to be written."""

    sealed_profile: str = field(repr=False)
    sealed_terms: str | None = field(repr=False)
    granted: tuple[RoleMapping, ...]
    revoked: tuple[str, ...]
    role_ids: tuple[str, ...]
    #: The keyed hash of each agent's name.
    agents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareMember:
    """Seal and hash what was entered."""

    data_keys: PeopleKeys
    opened: OpenedConnections

    async def terms_of(self, before: MemberBefore) -> MemberTerms:
        """Return what an administrator entered about a person, with the roles that the person has."""
        person = before.person
        profile = await self.opened.open_profile(person)
        sealed = await self.data_keys.open_words(person.account_id, "member", person.sealed_terms)
        email, agents = decode_terms(sealed)
        roles = tuple(sorted({role for role, _ in before.roles if role != "operator"}))
        return MemberTerms(
            name="" if profile is None else profile.name, email=email, roles=roles, agents=agents
        )

    async def __call__(
        self, account_id: str, person_id: str, terms: MemberTerms, before: MemberBefore | None
    ) -> MemberChange:
        """Return what is sealed and hashed, and which roles are new and which are gone."""
        _check(terms)
        profile = Profile(name=terms.name, issuer="", subject=person_id)
        wanted = [
            RoleMapping(value="", role=role, agents=terms.agents if role in LIMITED_ROLES else ())
            for role in dict.fromkeys(terms.roles)
        ]
        index_key = await self.data_keys.index_key(account_id) if terms.agents else b""
        agents = {name: name_term(index_key, "agent", name) for name in terms.agents}
        own = {} if before is None else dict(before.roles)
        granted, kept = [], []
        for one in wanted:
            key = (one.role, frozenset(agents[name].hex() for name in one.agents))
            if (role_id := own.pop(key, None)) is None:
                granted.append(replace(one, id=new_id("role")))
            else:
                kept.append(role_id)
        return MemberChange(
            sealed_profile=await self.opened.seal_profile(account_id, profile),
            sealed_terms=await self.data_keys.seal_words(account_id, "member", encode_terms(terms)),
            granted=tuple(granted),
            revoked=tuple(own.values()),
            role_ids=(*kept, *(one.id for one in granted)),
            agents=agents,
        )


def _check(terms: MemberTerms) -> None:
    """Raise Invalid for what cannot be given."""
    if terms.agents and not LIMITED_ROLES & set(terms.roles):
        limited = " and ".join(sorted(LIMITED_ROLES))
        raise Invalid(Sentence("agents can limit only the roles %(roles)s.", roles=limited), field="agents")

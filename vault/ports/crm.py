"""A CRM system: searches for a contact, records of calls, their changes and removal."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from vault.domain.crm.exchange import Act, Budget, CrmAccess, CrmReply, CrmRequest, Grant, OAuthClient
from vault.domain.crm.handover import Candidate, CandidatePage, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Refused, Residue, Unauthorized, Unclear, Verdict, Wait
from vault.errors import Invalid

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One value that the admin enters at activation."""

    name: str
    #: What is allowed; matched as a whole, in linear time.
    pattern: re.Pattern[str]
    #: The rule in words, as the end of "``name`` must be ".
    rule: str
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A documented limit on some requests, of which no reply says what is left."""

    #: The end of their paths.
    path: str
    limit: int
    per: timedelta
    #: The part of it that is kept for removals, of which an integration knows when it has to; 0: they send none.
    removals: float = 0.1


class OAuth(ABC):
    """The authorization code flow of a system (RFC 6749). Pure functions; the secrets are the caller's."""

    __slots__ = ()

    @property
    @abstractmethod
    def has_pkce(self) -> bool:
        """Return whether the system takes a code challenge, S256 (RFC 7636)."""

    @property
    @abstractmethod
    def rotates(self) -> bool:
        """Return whether a refresh token is valid once: the new pair is stored before it is used."""

    @property
    @abstractmethod
    def unused_life(self) -> timedelta | None:
        """Return after which time without a refresh the refresh token dies. None: never, as far as is documented."""

    @abstractmethod
    def authorize_url(
        self, settings: Settings, client: OAuthClient, *, redirect_url: str, state: str, challenge: str
    ) -> str:
        """Return the address to which the admin's browser is sent. ``challenge`` is left out without PKCE."""

    @abstractmethod
    def code_request(
        self, settings: Settings, client: OAuthClient, *, code: str, verifier: str, redirect_url: str
    ) -> CrmRequest:
        """Return the request that changes a code into tokens."""

    @abstractmethod
    def refresh_request(self, settings: Settings, client: OAuthClient, refresh_token: str) -> CrmRequest:
        """Return the request that changes a refresh token into tokens."""

    def revoke_request(self, settings: Settings, client: OAuthClient, token: str) -> CrmRequest | None:  # noqa: ARG002 - the default
        """Return the request that ends a token. Default: None, the system has none."""
        return None

    @abstractmethod
    def grant_of(
        self, settings: Settings, reply: CrmReply
    ) -> Grant | Unauthorized | Wait | Refused | Unclear:
        """Read the reply to a request for tokens.

        Unauthorized: the code or refresh token is not valid any more. Refused, code ``foreign_host``: the reply names
        a host that is not the system's. Unclear: tokens may have been given that nobody has read.
        """


class CrmSystem(ABC):
    """One system. All methods are pure functions: no I/O, no clock.

    A method with a default is for an ability that some systems lack; the default means that this one lacks it.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name in URLs and rows, such as ``hubspot``."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Return the name for people, such as ``HubSpot``."""

    @property
    @abstractmethod
    def oauth(self) -> OAuth | None:
        """Return the rules of its OAuth; None if it has none."""

    @property
    @abstractmethod
    def key_field(self) -> FormField | None:
        """Return the field of its static key, a secret; None if it has none."""

    @property
    @abstractmethod
    def settings_fields(self) -> Sequence[FormField]:
        """Return the fields that are no secrets, such as a subdomain, a channel or a default author."""

    @property
    def audience(self) -> Literal["contact", "channel", "receiver"]:
        """Return who reads a record: who sees the contact, a channel, or a program of the customer.

        In a channel numbers are masked. No contact is looked up for the last two. Default: contact.
        """
        return "contact"

    @property
    @abstractmethod
    def keeps_after_edit(self) -> frozenset[Residue]:
        """Return what the system keeps of a text that ``update`` replaced."""

    @property
    @abstractmethod
    def keeps_after_removal(self) -> frozenset[Residue]:
        """Return what the system keeps after ``remove``, at least for a time."""

    @property
    @abstractmethod
    def probe_lag(self) -> timedelta:
        """Return after which time a probe that finds nothing is right."""

    @property
    def paces(self) -> Sequence[Pace]:
        """Return the limits that replies do not tell, the first that applies to a request. Default: none."""
        return ()

    @abstractmethod
    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the hosts of its API for these settings. Raises Invalid, naming the setting, for a foreign one."""

    def check(self, settings: Settings) -> None:
        """Validate the settings of an integration. Raises Invalid, naming the field."""
        fields = {field.name: field for field in self.settings_fields}
        for name in settings:
            if name not in fields:
                raise Invalid(f"{self.title} has no such setting: {', '.join(fields)}.", field="settings")
        for field in fields.values():
            check_field(field, settings.get(field.name))

    def find(self, number: NumberForms, access: CrmAccess) -> Sequence[CrmRequest]:  # noqa: ARG002 - the default
        """Return the searches for a number, in the order to try, until one has a verified hit. Default: none."""
        return ()

    def candidates(self, reply: CrmReply) -> CandidatePage:  # noqa: ARG002 - the default
        """Read the hits of a search whose verdict is Accepted. Default: none."""
        return CandidatePage(candidates=())

    def parent_request(self, contact: Candidate, access: CrmAccess) -> CrmRequest | None:  # noqa: ARG002 - the default
        """Return the search, of the act ``find``, for the open case, ticket or conversation. Default: None."""
        return None

    def parent_of(self, reply: CrmReply) -> str | None:  # noqa: ARG002 - the default
        """Read the id of the newest open one; None if there is none. Default: None."""
        return None

    def contact_request(self, handover: Handover, number: str, access: CrmAccess) -> CrmRequest | None:  # noqa: ARG002 - the default
        """Return the request, of the act ``create``, that creates a contact with an E.164 number. Default: None."""
        return None

    def contact_of(self, reply: CrmReply) -> Candidate | None:  # noqa: ARG002 - the default
        """Read the contact that was created; None if the reply does not name it. Default: None."""
        return None

    def agent_request(self, email: str, access: CrmAccess) -> CrmRequest | None:  # noqa: ARG002 - the default
        """Return the search, of the act ``find``, for the user with an e-mail address. Default: None."""
        return None

    def agent_of(self, reply: CrmReply, email: str) -> str | None:  # noqa: ARG002 - the default
        """Read the id of the user with exactly this address, in any case; None if there is none. Default: None."""
        return None

    @abstractmethod
    def create(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | Refused:
        """Return the request that creates the record; Refused if the target or the settings lack what it needs."""

    @abstractmethod
    def created(self, reply: CrmReply) -> RemoteIds | None:
        """Read the ids of an accepted creation; None if it does not name them: probe."""

    def probe(self, handover: Handover, target: Target, access: CrmAccess) -> CrmRequest | None:  # noqa: ARG002 - the default
        """Return the search for the record of a hand-over whose creation had an unknown outcome.

        The call may be erased meanwhile: then the hand-over says its id, and a time before the creation, alone.
        Default: None. A repeated creation makes no second record, so it is sent again; the record has no other ids
        than that of the hand-over.
        """
        return None

    def probe_next(
        self,
        reply: CrmReply,  # noqa: ARG002 - the default
        handover: Handover,  # noqa: ARG002 - the default
        target: Target,  # noqa: ARG002 - the default
        access: CrmAccess,  # noqa: ARG002 - the default
    ) -> CrmRequest | None:
        """Return the request for the page that follows on a reply to a probe; None if that was the last one.

        Default: None. The search names one record, or the first page has the newest ones of one contact.
        """
        return None

    def probed(self, reply: CrmReply, handover: Handover, target: Target) -> RemoteIds | None:  # noqa: ARG002 - the default
        """Read the ids of the record of exactly this hand-over; None if the reply does not have it.

        Default: None.
        """
        return None

    @abstractmethod
    def update(self, remote: RemoteIds, handover: Handover, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the requests, in order, that make the record say what ``handover`` says. They can be repeated."""

    @abstractmethod
    def remove(self, remote: RemoteIds, handover_id: str, access: CrmAccess) -> Sequence[CrmRequest]:
        """Return the requests, in order, that remove the record: first its text, then the record itself.

        They can be repeated. After Gone to one of them the record is removed, and the others are not sent.
        """

    def follow(
        self,
        act: Act,  # noqa: ARG002 - the default
        reply: CrmReply,  # noqa: ARG002 - the default
        remote: RemoteIds,  # noqa: ARG002 - the default
        handover_id: str,  # noqa: ARG002 - the default
        access: CrmAccess,  # noqa: ARG002 - the default
    ) -> Sequence[CrmRequest]:
        """Return the requests that an accepted reply of ``update`` or ``remove`` calls for. Default: none.

        They are sent before those that are left: what has to be removed is read first, where the ids do not say it.
        A system that says it removed something and did not would be asked for ever, so the caller bounds their number.
        """
        return ()

    @abstractmethod
    def classify(self, act: Act, reply: CrmReply) -> Verdict:
        """Return what a reply means, by its code and body, not by its status alone. Takes any bytes; never raises."""

    def budget(self, reply: CrmReply) -> Budget | None:  # noqa: ARG002 - the default
        """Read how much of the system's budget is left; None if the reply does not say. Never raises. Default: None."""
        return None


def check_field(field: FormField, value: str | None) -> None:
    """Raise Invalid, naming the field, for a value that its rule forbids, and for one that is missing."""
    if value is None and not field.is_required:
        return
    if not isinstance(value, str) or field.pattern.fullmatch(value) is None:
        raise Invalid(f"{field.name} must be {field.rule}.", field=field.name)

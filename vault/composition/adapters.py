"""What services are built from: everything outside them, and the data that comes with the package."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import vault
from vault.circuit_breaker import CircuitBreaker
from vault.crm.registry import SYSTEMS
from vault.database.interface import Database
from vault.domain.legal_rules.rule import RuleBook
from vault.domain.legal_rules.rule_book_loader import parse
from vault.domain.notices.default_texts import NoticeTexts, parse_default_texts
from vault.domain.outbox.mail import Mail
from vault.domain.registers.places import Place
from vault.domain.registers.privacy_page import PageTexts, parse_page_texts
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.sign_in.invitation import MemberTerms
from vault.domain.sign_in.invitation_mail import MailTexts, parse_mail_texts
from vault.errors import Unavailable
from vault.ports.audio import Decoder, PromptMaker
from vault.ports.clock import Clock
from vault.ports.collector import Collector
from vault.ports.crm import CrmSystem
from vault.ports.keys import KeyRing, RootKey
from vault.ports.mail import Mailer
from vault.ports.numbers import Numbers
from vault.ports.objects import ObjectStore
from vault.ports.outside import Outside
from vault.ports.telephony import Fetcher, Provider, RestClient
from vault.services.approvals.execute_approval import not_taken
from vault.services.moves.account_moves import OpenOther
from vault.services.moves.move_end import MoveEnd
from vault.services.node.readiness_probe import Part
from vault.services.requests.ruling_request import RulingRequest
from vault.services.sign_in.invited_people import ChangeTerms
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.telephony.http.collector import NoCollector
from vault.telephony.numbering.number_plans import NumberPlans
from vault.thread_pools import Threads
from vault.tlog.note import Signer

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)

    from vault.database.engines.postgresql import PostgresqlDatabase

_DOMAIN: Final = Path(vault.__file__).parent / "domain"


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@cache
def rule_book() -> RuleBook:
    """Return the packaged recording rules by jurisdiction; read once."""
    files = sorted((_DOMAIN / "rule_book").glob("*.toml"))
    return parse([file.read_text("utf-8") for file in files])


@cache
def notice_texts() -> NoticeTexts:
    """Return the packaged default notice texts in every language; read once."""
    files = sorted((_DOMAIN / "notice_texts").glob("*.toml"))
    defaults = [parse_default_texts(file.read_text("utf-8")) for file in files]
    return NoticeTexts(languages={texts.language: texts for texts in defaults})


@cache
def page_texts() -> Mapping[str, PageTexts]:
    """Return the packaged texts of the privacy page by language; read once."""
    files = sorted((_DOMAIN / "privacy_texts").glob("*.toml"))
    parsed = [parse_page_texts(file.read_text("utf-8")) for file in files]
    return {texts.language: texts for texts in parsed}


@cache
def mail_texts() -> Mapping[str, MailTexts]:
    """Return the packaged texts of mails by language; read once."""
    files = sorted((_DOMAIN / "mail_texts").glob("*.toml"))
    parsed = [parse_mail_texts(file.read_text("utf-8")) for file in files]
    return {texts.language: texts for texts in parsed}


def no_other_vault(settings: Mapping[str, str]) -> AbstractAsyncContextManager[MoveEnd]:
    """Open none."""
    raise Unavailable(f"No other vault can be opened here, with or without {len(settings)} settings.")


class NoMailer:
    """The operator has set no mail server."""

    is_set = False

    async def send(self, mail: Mail) -> int:
        """Send nothing."""
        raise Unavailable(f"There is no mail server for {mail.id}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Everything outside the services: databases, stores, keys, subprocesses, networks and the clock."""

    database: Database
    objects: ObjectStore
    ring: KeyRing
    #: Unwraps with the current root key and, during its rotation, with the previous one.
    root_key: RootKey
    signer: Signer
    #: The encryption threads.
    threads: Threads
    describer: Decoder
    prompt_maker: PromptMaker
    fetcher: Fetcher
    rest: RestClient
    outside: Outside
    providers: Mapping[str, Provider]
    crm_systems: Mapping[str, CrmSystem] = field(default_factory=lambda: {one.name: one for one in SYSTEMS})
    #: The root key alone; None where it is ``root_key``.
    current_root_key: RootKey | None = None
    previous_root_key: RootKey | None = None
    #: The circuit breakers of parts that have one.
    breakers: Mapping[Part, CircuitBreaker] = field(default_factory=dict)
    #: The collector of the operator's SIEM.
    collector: Collector = field(default_factory=NoCollector)
    #: The operator's mail server.
    mailer: Mailer = field(default_factory=NoMailer)
    #: Where data and keys are kept.
    places: Sequence[Place] = ()
    #: Opens another vault, to move an account there.
    open_other: OpenOther = no_other_vault
    clock: Clock = utc_now
    numbers: Numbers = field(default_factory=NumberPlans)
    rule_book: RuleBook = field(default_factory=rule_book)
    notice_texts: NoticeTexts = field(default_factory=notice_texts)


class RestBodies:
    """Reads the stored bodies of REST calls with the schemas that read them when they were sent.

    Each raises Invalid for one that this release does not take any more.
    The schemas are imported where a body is read: a command without HTTP needs none of them.
    """

    def decision(self, body: Mapping[str, Any]) -> RulingRequest:
        """Read the decision on a request."""
        from vault.web.schemas.requests.requests import DecisionIn

        return _stored(DecisionIn, body).ruling()

    def retention_policy(self, body: Mapping[str, Any]) -> RetentionPolicy:
        """Read a retention policy."""
        from vault.web.schemas.retention.retention import RetentionPolicyIn

        return _stored(RetentionPolicyIn, body).wanted()

    def sign_in_connection(self, body: Mapping[str, Any]) -> ConnectionChange:
        """Read a sign-in connection."""
        from vault.web.schemas.sign_in import SignInConnectionIn

        return _stored(SignInConnectionIn, body).change()

    def invitation(self, body: Mapping[str, Any]) -> MemberTerms:
        """Read a person to invite."""
        from vault.web.schemas.members import MemberIn

        return _stored(MemberIn, body).terms()

    def member_change(self, body: Mapping[str, Any]) -> ChangeTerms:
        """Read a change of an invited person."""
        from vault.web.schemas.members import MemberPatch

        return _stored(MemberPatch, body).applied_to


def _stored(model: "type[Model]", body: Mapping[str, Any]) -> "Model":
    """Return the body of a stored call. Raises Invalid if the schema does not take it any more."""
    from pydantic import ValidationError

    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise not_taken("arguments") from error


def postgresql_of(database: Database) -> "PostgresqlDatabase | None":
    """Return the database as a guarded PostgreSQL database, without importing its driver for another; or None."""
    return cast("PostgresqlDatabase", database) if hasattr(database, "unguarded") else None

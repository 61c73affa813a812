"""What the tests of every system share: a call, and the walk of a hand-over through a simulated system."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.crm.schemas.check import check_schema
from vault.crm.registry import SYSTEMS
from vault.domain.crm.exchange import Act, CrmAccess, CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, Handover, NumberForms, RemoteIds, Target
from vault.domain.crm.verdict import Accepted, Gone, Moved, Verdict
from vault.ports.crm import CrmSystem
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import Reply, VaultRequest
from vault.telephony.numbering.number_plans import NumberPlans

BY_NAME = {system.name: system for system in SYSTEMS}
NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
NUMBER = "+33612345678"
WRITTEN, SIGNIFICANT = "06 12 34 56 78", "612345678"
#: Requests of one act; the core has such a bound, too.
MOST_REQUESTS = 30
#: Pages of one probe; the core has such a bound, too.
MOST_PAGES = 10
HANDOVER = Handover(
    id="hof_5d41402abc4b2a76b9719d911017c592",
    address="https://vault.example/h/5d41402abc4b2a76b9719d911017c592",
    agent="Ann Lee",
    direction="inbound",
    caller=NUMBER,
    callee="+33142681000",
    started_at=datetime(2026, 11, 26, 9, 12, tzinfo=UTC),
    duration=timedelta(seconds=183),
    notes=("Wants a quote.",),
)
RESTRICTED = replace(HANDOVER, state="restricted")


def forms_of(number: str) -> NumberForms:
    """Return the forms of a number that has some."""
    forms = NumberPlans().forms(number)
    assert forms is not None
    return forms


def access_of(peer: SimulatedCrm, system: CrmSystem) -> CrmAccess:
    """Return access by the key of the peer; by an access token where the system has no keys."""
    if system.key_field is None:
        return CrmAccess(settings=peer.settings, by="oauth", token=peer.tokens.pair()[0])
    return CrmAccess(settings=peer.settings, by="key", token=peer.key)


def as_asked(request: CrmRequest) -> VaultRequest:
    """Return a request as it arrives at the system's server."""
    parts = urlsplit(request.url)
    return VaultRequest(
        method=request.method,
        path=unquote(parts.path),
        query=parse_qsl(parts.query, keep_blank_values=True),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.body,
    )


def as_reply(reply: Reply) -> CrmReply:
    """Return a reply as it arrives at the vault."""
    return CrmReply(
        status=reply.status,
        headers={"content-type": reply.content_type, **reply.headers},
        body=reply.body,
        received_at=NOW,
    )


@dataclass(slots=True)
class Walk:
    """One hand-over between an adapter and a simulated system: the steps of the core, without its rows."""

    system: CrmSystem
    peer: SimulatedCrm
    access: CrmAccess
    target: Target = field(default_factory=Target)
    remote: RemoteIds | None = None
    sent: list[CrmRequest] = field(default_factory=list)

    @classmethod
    def of(cls, name: str) -> "Walk":
        """Return a walk with a new system."""
        system, peer = BY_NAME[name], SIMULATED_CRM[name]()
        return cls(system, peer, access_of(peer, system))

    def send(self, request: CrmRequest) -> CrmReply:
        """Send a request, if it goes to a host of the system."""
        parts = urlsplit(request.url)
        assert parts.scheme == "https"
        assert parts.hostname in request.hosts
        assert set(request.hosts) <= set(self.system.hosts(self.access.settings))
        check_schema(self.system.name, request)
        request = replace(request, headers=request.headers_at(f"{HANDOVER.id}-{len(self.sent)}", NOW))
        self.sent.append(request)
        return as_reply(self.peer.answer(as_asked(request)))

    def step(self, act: Act, request: CrmRequest) -> tuple[Verdict, CrmReply]:
        """Send a request of an act, and return what the reply means."""
        reply = self.send(request)
        return self.system.classify(act, reply), reply

    def search(self, number: str = NUMBER) -> Sequence[Candidate]:
        """Return the verified contacts of the first search that has one."""
        plans = NumberPlans()
        for request in self.system.find(forms_of(number), self.access):
            verdict, reply = self.step("find", request)
            if isinstance(verdict, Gone):
                continue
            assert isinstance(verdict, Accepted), verdict
            hits = self.system.candidates(reply).candidates
            verified = [
                hit for hit in hits if number in {n for w in hit.numbers for n in plans.readings(w, ("FR",))}
            ]
            if verified:
                return verified
        return ()

    def aim(self, contact: Candidate) -> None:
        """Take a contact, and its open ticket if the system has one, as the target."""
        request, parent = self.system.parent_request(contact, self.access), None
        if request is not None:
            verdict, reply = self.step("find", request)
            assert isinstance(verdict, Accepted), verdict
            parent = self.system.parent_of(reply)
        self.target = Target(kind=contact.kind, id=contact.id, parent=parent)

    def create(self, handover: Handover = HANDOVER) -> Verdict:
        """Create the record, and keep its ids."""
        request = self.system.create(handover, self.target, self.access)
        assert isinstance(request, CrmRequest), request
        verdict, reply = self.step("create", request)
        if isinstance(verdict, Accepted):
            self.remote = self.system.created(reply)
        return verdict

    def probe(self, handover: Handover = HANDOVER) -> Verdict:
        """Look for the record, and keep its ids."""
        request = self.system.probe(handover, self.target, self.access)
        if request is None:
            # It is created again, or what follows is sent all the same.
            self.remote = {}
            return Accepted()
        for _ in range(MOST_PAGES):
            verdict, reply = self.step("probe", request)
            if not isinstance(verdict, Accepted):
                break
            self.remote = self.system.probed(reply, handover, self.target)
            following = self.system.probe_next(reply, handover, self.target, self.access)
            if self.remote is not None or following is None:
                break
            request = following
        return verdict

    def update(self, handover: Handover) -> Sequence[Verdict]:
        """Write the record again."""
        assert self.remote is not None
        return self._all("update", self.system.update(self.remote, handover, self.access))

    def remove(self) -> Sequence[Verdict]:
        """Remove the record."""
        assert self.remote is not None
        return self._all("remove", self.system.remove(self.remote, HANDOVER.id, self.access))

    def _all(self, act: Act, requests: Sequence[CrmRequest]) -> Sequence[Verdict]:
        verdicts: list[Verdict] = []
        left = list(requests)
        while left:
            assert len(verdicts) < MOST_REQUESTS, "what follows never ends"
            verdict, reply = self.step(act, left.pop(0))
            verdicts.append(verdict)
            assert self.remote is not None
            if isinstance(verdict, Moved):
                self.remote = {**self.remote, **verdict.ids}
            if not isinstance(verdict, Accepted):
                break
            left[:0] = self.system.follow(act, reply, self.remote, HANDOVER.id, self.access)
        return verdicts

    def stands(self) -> int:
        """Return how many records with the doorway a user of the system sees."""
        return sum(HANDOVER.address in text for text in self.peer.shown())


def handed_over(name: str) -> Walk:
    """Return a walk whose record stands with a contact, or in a channel."""
    walk = ready(name)
    assert isinstance(walk.create(), Accepted)
    assert walk.remote is not None
    return walk


def ready(name: str) -> Walk:
    """Return a walk that has its target, and has created nothing."""
    walk = Walk.of(name)
    if walk.system.audience == "contact":
        contact = walk.peer.add_contact(WRITTEN, NUMBER, SIGNIFICANT)
        walk.peer.open_parent(contact)
        [hit] = walk.search()
        assert hit.id == contact
        walk.aim(hit)
    return walk

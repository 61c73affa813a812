"""Decisions on requests: the codes that each kind of request allows, what they do, and how a request ends."""

from collections.abc import Collection, Mapping
from typing import Final, Literal, get_args

from vault.domain.requests.request import Kind, RequestState, Ruling, Verdict
from vault.errors import Invalid, Refused
from vault.sentence import Sentence

#: What is done to a recording or a call.
Effect = Literal["erase", "restrict", "provide", "note", "nothing"]
Code = Literal[
    "erased", "restricted", "provided", "provided_whole", "noted", "waits_for_hold", "pending_hold",
    "kept_legal_obligation", "kept_claims", "kept_expression", "kept_grounds", "third_party", "no_match",
    "not_yours", "not_verified", "unfounded", "excessive", "no_right", "not_provided",
]  # fmt: skip
CODES: Final[tuple[Code, ...]] = get_args(Code)
#: Codes that grant the request.
_GRANTS: Final[Mapping[Code, Effect]] = {
    "erased": "erase",
    "restricted": "restrict",
    "provided": "provide",
    "provided_whole": "provide",
    "noted": "note",
}
#: Where the recording is kept nevertheless, it is restricted for the kinds that an erasure can grant, so that only the
#: duty uses it.
_KEPT: Final[frozenset[Code]] = frozenset(
    {"waits_for_hold", "pending_hold", "kept_legal_obligation", "kept_claims"}
)
#: What the worker writes where a hold covers what is to be erased: it is erased when no hold does any more.
WAITS: Final[Code] = "waits_for_hold"
# ``not_provided``: the worker could not put a recording into the package, which tells the reason.
#: The channel of the person alone, or the whole recording: where the voices are on one channel, only a person can tell
#: whether a copy harms the rights of the others (GDPR article 15(4)).
_PROVIDED: Final[frozenset[Code]] = frozenset({"provided", "provided_whole"})
#: The code that grants each kind. An objection is granted by a restriction, and its numbers are entered as objections.
GRANTING: Final[Mapping[Kind, frozenset[Code]]] = {
    "access": _PROVIDED,
    "portability": _PROVIDED,
    "erasure": frozenset({"erased"}),
    "restriction": frozenset({"restricted"}),
    "objection": frozenset({"restricted", "erased"}),
    "rectification": frozenset({"noted"}),
    "post_mortem": _PROVIDED | {"erased", "restricted", "noted"},
    "closure": frozenset({"erased"}),
}
#: Kinds whose answer can be a package.
PROVIDING: Final[frozenset[Kind]] = frozenset(kind for kind, codes in GRANTING.items() if codes & _PROVIDED)
#: The provision that each refusal rests on, for the words of an answer; GDPR unless the regime says otherwise.
GROUNDS: Final[Mapping[Code, str]] = {
    "waits_for_hold": "GDPR art. 17(3)(e)",
    "pending_hold": "GDPR art. 17(3)(e)",
    "kept_legal_obligation": "GDPR art. 17(3)(b)",
    "kept_claims": "GDPR art. 17(3)(e)",
    "kept_expression": "GDPR art. 17(3)(a)",
    "kept_grounds": "GDPR art. 21(1)",
    "third_party": "GDPR art. 15(4)",
    "not_verified": "GDPR art. 12(6)",
    "unfounded": "GDPR art. 12(5)",
    "excessive": "GDPR art. 12(5)",
    "no_right": "GDPR art. 12(4)",
}


def effect_of(kind: Kind, verdict: Verdict) -> Effect:
    """Return what a verdict does to a recording of a request of this kind."""
    code = read_code(verdict.code)
    if code in _KEPT and "erased" in GRANTING[kind]:
        return "restrict"
    return _GRANTS.get(code, "nothing")


def read_code(text: str) -> Code:
    """Return a code. Raises Invalid for an unknown one."""
    for code in CODES:
        if text == code:
            return code
    raise Invalid(Sentence("code must be one of: %(codes)s.", codes=", ".join(CODES)), field="code")


def check_ruling(kind: Kind, ruling: Ruling) -> None:
    """Raise Invalid unless the codes fit the kind, a refusal has a reason, and a legal obligation names its statute."""
    for verdict in (ruling.default, *ruling.verdicts.values()):
        code = read_code(verdict.code)
        if code == WAITS:
            text = Sentence(
                "%(code)s is what the vault says of what a hold keeps. Send erased; it is done when the hold ends.",
                code=code,
            )
            raise Invalid(text, field="code")
        if code in _GRANTS and code not in GRANTING[kind]:
            codes = ", ".join(sorted(GRANTING[kind]))
            text = Sentence(
                "A request of the kind %(kind)s is granted by: %(codes)s.", kind=kind, codes=codes
            )
            raise Invalid(text, field="code")
        if code == "kept_legal_obligation" and not verdict.statute:
            raise Invalid("statute must name the law that obliges you to keep it.", field="statute")
    unknown = set(ruling.verdicts) - {*ruling.recordings, *ruling.calls}
    if unknown:
        raise Invalid(
            "The decision names a recording or call that the search did not find.", field="verdicts"
        )
    if ruling.reason is None and any(
        read_code(verdict.code) not in _GRANTS for verdict in (ruling.default, *ruling.verdicts.values())
    ):
        raise Invalid(
            "reason is required where something is refused: the person must be told it.", field="reason"
        )


def check_certainty(kind: Kind, state: RequestState, ruling: Ruling, *, is_one_holder: bool) -> None:
    """Raise Refused for a decision that could give away, or destroy, the data of somebody else.

    ``is_one_holder``: whether nobody else held the numbers in the time of the calls that are decided on.
    """
    effects = {effect_of(kind, verdict) for verdict in (ruling.default, *ruling.verdicts.values())}
    if not effects & {"erase", "provide"}:
        return
    if state is RequestState.AWAITING_IDENTITY:
        raise Refused("Record first how the person was verified.", reasons=("not_verified",))
    if not is_one_holder:
        text = (
            "Between two of the calls found lie more than 45 days, so the number may have had another holder: give "
            "a period without such a time, or say that it was this person's for the whole time."
        )
        raise Refused(text, reasons=("period_needed",), field="whole_time")


def outcome_of(kind: Kind, codes: Collection[str]) -> RequestState:
    """Return the final state of a request, by what was done with everything that was found."""
    known = {read_code(code) for code in codes if code != "no_match"}
    if known == {WAITS}:
        return RequestState.WAITS_FOR_HOLD
    granted = {code in GRANTING[kind] for code in known}
    if granted == {True, False} or WAITS in known:
        return RequestState.PARTLY_FULFILLED
    return RequestState.DENIED if granted == {False} else RequestState.FULFILLED

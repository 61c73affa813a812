"""The consent policy of an account, the rules by place in plain words, and numbers that must not be recorded."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.domain.consent.consent_event import ConsentPolicy, scopes_given
from vault.domain.legal_rules.rule import Confidence, clauses
from vault.web.console.access import require_grantable
from vault.web.console.acts import acts
from vault.web.console.forms import Form, checked, rows_of
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import Mistake
from vault.web.console.route import console_router
from vault.web.console.words import number_or_typed, whole_number
from vault.web.http.pagination import read_number
from vault.web.http.translations import gettext, translatable, translated, translated_pairs
from vault.web.schemas.consent.consent import PolicyIn

router = console_router()
Reading = Annotated[Here, needs("recordings:read")]
Setting = Annotated[Here, needs("settings:write")]
SECTION: Final = "Consent"
TABS: Final = (
    {"name": translatable("Policy"), "path": "/consent"},
    {"name": translatable("Notices"), "path": "/consent/notices"},
    {"name": translatable("Rules by place"), "path": "/consent/rules"},
    {"name": translatable("Objections"), "path": "/consent/objections"},
)
#: Versions of the policy per page.
_VERSIONS: Final = 50
MODE_WORDS: Final = translatable(
    (
        ("none", "as the law of the place asks"),
        ("tone", "at least a tone"),
        ("announce", "at least an announcement"),
        ("opt_out_key", "announce, and a key to refuse"),
        ("opt_in_key", "only after a key to accept"),
    )
)
EVIDENCE_WORDS: Final = translatable(
    (
        ("quarantine", "put it into quarantine"),
        ("refuse", "refuse it, and destroy its keys"),
        ("accept", "accept it, with a reason"),
    )
)
WITHDRAWAL_WORDS: Final = translatable(
    (("restrict", "restrict the recording"), ("erase", "erase the recording"))
)
CONSENT_WORDS: Final = translatable(
    (
        ("", "as the rule book"),
        ("one", "the consent of one party"),
        ("notice", "a notice to all parties"),
        ("all", "the consent of all parties"),
        ("opt_in", "an explicit yes of all parties"),
    )
)
#: Fields of an override that can be yes, no or as the rule book says, with their words.
FLAGS: Final = translatable(
    (
        ("notice_in_recording", "The notice must be heard in the recording"),
        ("capture_before_consent", "Recording may begin before consent"),
        ("tone_accepted", "A tone may stand for the notice"),
        ("refusal_route", "The notice must offer a way to refuse"),
    )
)
CONFIDENCE_WORDS: Final[dict[Confidence, str]] = translatable(
    {
        "high": "high",
        "medium": "medium",
        "contested": "contested",
        "low": "low",
        "none": "none",
    }
)
_FLAG_VALUES: Final = {"yes": True, "no": False}
_MAX_OVERRIDES: Final = 400


@router.get("/consent")
async def show_consent(here: Reading) -> Response:
    """Show the policy, its form and its history."""
    here = replace(here, mistake=_in_the_form(here.mistake))
    policy = await here.vault.consent.policy.read(here.account_id)
    shown = here.values(stored := _values(policy))
    if here.mistake is not None and here.mistake.is_outdated:
        here.beside_newer(
            shown, stored, version=policy.version, at=policy.changed_at, by=policy.changed_by, path="/consent"
        )
        shown = {**shown, "version": stored["version"]}
    start = read_number(here.cursor)
    history = await here.vault.consent.policy.history(
        here.account_id, start=start, limit=_VERSIONS, newest_first=True
    )
    rules = await here.vault.consent.rules.list()
    return Tab(SECTION, TABS, "/consent").page(
        here,
        "consent.html",
        gettext("Consent"),
        policy=policy,
        history=history,
        following=start + _VERSIONS if len(history) == _VERSIONS else None,
        values=shown,
        overrides=len(_places(shown)),
        modes=translated_pairs(MODE_WORDS),
        evidence=translated_pairs(EVIDENCE_WORDS),
        withdrawals=translated_pairs(WITHDRAWAL_WORDS),
        consents=translated_pairs(CONSENT_WORDS),
        flags=translated_pairs(FLAGS),
        places=[(rule.place, f"{translated(rule.name)} ({rule.place})") for rule in rules],
    )


@acts(router, "/consent", again=show_consent)
async def set_consent(here: Setting) -> str:
    """Replace the policy, with the account's name typed."""
    body = checked(PolicyIn, _body(here.form))
    here.confirm()
    version = whole_number(here.form.text("version"), digits=9)

    def merged(before: ConsentPolicy) -> ConsentPolicy:
        after = body.merged(before, author=here.actor, at=here.now)
        require_grantable(scopes_beyond("policy", here.allows, scopes_given(before, after)))
        return after

    await here.vault.consent.policy.merge(
        here.account_id, merged, if_version=-1 if version is None else version, actor=here.actor
    )
    return "/consent?done=consent_set"


@router.get("/consent/rules")
async def show_rules(here: Reading) -> Response:
    """Show the rules of all places, or of those whose name or code has a text."""
    wanted = here.query("place", most=64).strip()
    policy = await here.vault.consent.policy.read(here.account_id)
    own = {override.place: override for override in policy.overrides}
    found = [
        (rule, clauses(rule), own.get(rule.place))
        for rule in await here.vault.consent.rules.list()
        if wanted.casefold() in f"{rule.place} {rule.name}".casefold()
    ]
    return Tab(SECTION, TABS, "/consent/rules").page(
        here,
        "consent_rules.html",
        gettext("Rules by place"),
        rules=found,
        version=here.vault.consent.rules.version,
        values={"place": wanted},
        consents=dict(translated_pairs(CONSENT_WORDS)),
        confidences=CONFIDENCE_WORDS,
        flags=translated_pairs(FLAGS),
    )


def _values(policy: ConsentPolicy) -> dict[str, str]:
    """Return the fields of the form, as a policy fills them."""
    values = {
        "version": str(policy.version),
        "missing_evidence": policy.missing_evidence,
        "reason": policy.reason or "",
        "withdrawal": policy.withdrawal,
        "mode": policy.mode,
        "home_place": policy.home_place or "",
        "quarantine_days": str(policy.quarantine_days),
        "keys.accept": policy.keys.accept,
        "keys.decline": policy.keys.decline,
        "keys.object": policy.keys.object or "",
    }
    flags = {True: "yes", False: "no", None: ""}
    for place, override in enumerate(policy.overrides):
        values |= {
            f"overrides.{place}.place": override.place,
            f"overrides.{place}.consent": override.consent or "",
            f"overrides.{place}.reason": override.reason,
        }
        values |= {f"overrides.{place}.{name}": flags[getattr(override, name)] for name, _ in FLAGS}
    return values


def _places(values: Mapping[str, str]) -> list[int]:
    """Return the numbers of the overrides that name a place."""
    return rows_of(values, "overrides", ("place",), most=_MAX_OVERRIDES)


def _body(form: Form) -> dict[str, Any]:
    """Return the body that REST takes."""
    values = form.values()
    same = ("missing_evidence", "withdrawal", "mode")
    body: dict[str, Any] = {name: form.text(name) for name in same}
    body |= {name: form.text(name) or None for name in ("reason", "home_place")}
    body["quarantine_days"] = number_or_typed(form.text("quarantine_days"), digits=3)
    body["keys"] = {name: form.text(f"keys.{name}") for name in ("accept", "decline")}
    body["keys"]["object"] = form.text("keys.object") or None
    body["overrides"] = [_override(values, place) for place in _places(values)]
    return body


def _override(values: Mapping[str, str], number: int) -> dict[str, Any]:
    def text(name: str) -> str:
        return values.get(f"overrides.{number}.{name}", "")

    body: dict[str, Any] = {
        "place": text("place"),
        "reason": text("reason"),
        "consent": text("consent") or None,
    }
    return body | {name: _FLAG_VALUES.get(text(name)) for name, _ in FLAGS}


def _in_the_form(mistake: Mistake | None) -> Mistake | None:
    """Return a mistake of the keys at the first of their fields."""
    if mistake is None:
        return None
    return mistake.renamed(lambda field: "keys.accept" if field == "keys" else field)

"""The retention policy: what is in force and what waits, a form to change it, and the preview that a change needs.

Fields of the form are named by their place in the body, such as ``classes.0.match.agent``, as REST names a wrong one. A
class and a decision that were left empty are none, so that the form can offer more of them than there are.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Response
from pydantic import ValidationError

from vault.domain.retention.policy import MAX_CLASSES, RetentionClass, RetentionPolicy
from vault.errors import Conflicting
from vault.web.console.acts import acts, comes_back
from vault.web.console.approvals.approvers import who_approves
from vault.web.console.forms import Form, checked, renumbered, rows_of
from vault.web.console.here import Here, Tab, needs
from vault.web.console.mistakes import MISTAKES, WordedInvalid
from vault.web.console.route import console_router
from vault.web.console.words import (
    number_or_typed,
    period_text,
    period_value,
    period_words,
    preview_counts,
    whole_number,
)
from vault.web.http.translations import gettext, translatable
from vault.web.schemas.retention.recording_retention import PolicyPreviewOut
from vault.web.schemas.retention.retention import RetentionPolicyIn

router = console_router()
Retaining = Annotated[Here, needs("retention:write")]
Auditing = Annotated[Here, needs("audit:read")]
SECTION: Final = "Retention and holds"
TABS: Final = (
    {"name": translatable("Policy"), "path": "/retention"},
    {"name": translatable("Holds"), "path": "/holds"},
)
TAB: Final = Tab(SECTION, TABS, "/retention")
#: Versions on a page.
_PAGE: Final = 50
#: More classes than the policy has, for new ones.
_SPARE: Final = 1
#: Fields of a class that may be left empty, and those that always have a value.
_OPTIONAL: Final = ("period", "minimum", "minimum_ground", "maximum", "statute")
_MATCH: Final = ("direction", "agent", "place")
_PERIODS: Final = frozenset({"period", "minimum", "maximum"})
#: By group: fields of which one is filled in where the row is not empty.
_NEEDED: Final = {
    "classes": ("class", "purpose", *_PERIODS),
    "decisions": ("reason", "applies"),
}
#: As many decisions as there can be pairs of classes.
_MOST: Final = MAX_CLASSES * MAX_CLASSES
_DECISION: Final = ("minimum_of", "maximum_of", "applies", "reason")


@router.get("/retention")
async def show_retention(here: Auditing) -> Response:
    """Show the policy in force, the one that waits, and a page of the versions."""
    retention, account_id = here.vault.retention.policy, here.account_id
    view = await retention.read(account_id)
    before = whole_number(here.cursor or "", digits=9) or view.newest.version + 1
    after = max(0, before - 1 - _PAGE)
    history = await retention.history(account_id, after=after, limit=_PAGE)
    return TAB.page(
        here,
        "retention.html",
        gettext("Retention"),
        view=view,
        warning=(await retention.warnings([account_id]))[account_id],
        history=[policy for policy in reversed(history) if policy.version < before],
        following=after + 1 if after else None,
        period_words=period_words,
    )


@router.get("/retention/change")
async def show_retention_form(here: Auditing) -> Response:
    """Show the form with the newest version."""
    view = await here.vault.retention.policy.read(here.account_id)
    return _form(here, values_of(view.newest) | {"version": str(view.newest.version)})


async def _form_again(here: Auditing) -> Response:
    """Show the form as it was filled in."""
    return _form(here, compact(here.form.values()))


@router.post("/retention/preview")
@comes_back(_form_again)
async def show_policy_preview(here: Retaining) -> Response:
    """Show what the policy of the form would do, or the form again with one more class."""
    here = await here.with_form()
    values = compact(here.form.values())
    if here.form.text("more"):
        return _form(here, values, spare=_SPARE + 1)
    try:
        body = checked(RetentionPolicyIn, body_of(values))
        preview = await here.vault.retention.preview(here.account_id, body.wanted())
    except Conflicting as error:
        return _form(here.wrong(error), with_pairs(values, error))
    except MISTAKES as error:
        return _form(here.wrong(error), values)
    return await _preview(here, body, PolicyPreviewOut.of(preview))


async def _preview_again(here: Retaining) -> Response:
    """Show what is so now: the preview that the form had may have changed."""
    body = _previewed(here.form)
    if here.mistake is not None and here.mistake.is_outdated:
        newest = (await here.vault.retention.policy.read(here.account_id)).newest
        typed, stored = values_of(body.wanted()), values_of(newest)
        by, at = newest.changed_by, newest.changed_at
        here.beside_newer(typed, stored, version=newest.version, at=at, by=by, path="/retention")
        return _form(here, typed | {"version": str(newest.version)})
    return await _preview(
        here, body, PolicyPreviewOut.of(await here.vault.retention.preview(here.account_id, body.wanted()))
    )


@acts(router, "/retention", again=_preview_again)
async def set_retention_policy(here: Retaining) -> str:
    """Set the policy that was previewed, with the account's name typed."""
    body = _previewed(here.form)
    here.confirm()
    sent = {"policy": body.model_dump(mode="json", by_alias=True, exclude_unset=True)}
    change = here.vault.retention.policy.set(
        here.account_id,
        body.wanted(),
        if_version=_version(here.form),
        digest=here.form.text("digest") or None,
        actor=here.actor,
    )
    return await here.done_or_asked(change, "/retention?done=retention_set", subject="", arguments=sent)


def _previewed(form: Form) -> RetentionPolicyIn:
    try:
        return RetentionPolicyIn.model_validate_json(form.text("policy"))
    except ValidationError as error:
        raise WordedInvalid(gettext("The form has no policy. Preview it again."), field="policy") from error


def _version(form: Form) -> int:
    version = whole_number(form.text("version"), digits=9)
    if version is None:
        raise WordedInvalid(gettext("The form has no version. Preview it again."), field="version")
    return version


async def _preview(here: Here, body: RetentionPolicyIn, preview: PolicyPreviewOut) -> Response:
    return TAB.page(
        here,
        "retention_preview.html",
        gettext("Preview of the retention policy"),
        preview=preview,
        counts=preview_counts(preview),
        policy=body.wanted(),
        approvers=await who_approves(here, "retention_policy"),
        policy_text=json.dumps(body.model_dump(mode="json", by_alias=True, exclude_none=True)),
        version=here.form.text("version"),
        period_words=period_words,
    )


def _form(here: Here, values: Mapping[str, str], *, spare: int = _SPARE) -> Response:
    return TAB.page(
        here,
        "retention_change.html",
        gettext("Change the retention policy"),
        values=values,
        classes=count(values, "classes"),
        spare=spare,
        decisions=count(values, "decisions"),
    )


def values_of(policy: RetentionPolicy) -> dict[str, str]:
    """Return the fields of the form, as a policy fills them."""
    values = {
        "time_zone": policy.time_zone,
        "waiting_days": str(policy.waiting.days),
        "told_reason": policy.told_reason or "",
        "object_lock": policy.object_lock,
    }
    for place, kept in enumerate(policy.classes):
        values |= {f"classes.{place}.{name}": text for name, text in _class_values(kept).items()}
    for place, decision in enumerate(policy.decisions):
        values |= {f"decisions.{place}.{name}": getattr(decision, name) for name in _DECISION}
    return values


def body_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes. Its classes and decisions are those that are not empty, in their order."""
    return {
        "classes": [_class_body(values, place) for place in _places(values, "classes")],
        "decisions": [
            {name: values.get(f"decisions.{place}.{name}", "") for name in _DECISION}
            for place in _places(values, "decisions")
        ],
        "time_zone": values.get("time_zone", ""),
        "waiting_days": number_or_typed(values.get("waiting_days", ""), digits=3),
        "told_reason": values.get("told_reason") or None,
        "object_lock": values.get("object_lock", "off"),
    }


def compact(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with classes and decisions numbered as in the body, so that a wrong one is found."""
    return renumbered(values, {group: _places(values, group) for group in _NEEDED})


def with_pairs(values: Mapping[str, str], error: Conflicting) -> dict[str, str]:
    """Return the fields with a decision to fill in for each pair that contradicts itself."""
    more = dict(values)
    place = count(values, "decisions")
    for minimum_of, maximum_of in error.pairs:
        more |= {
            f"decisions.{place}.minimum_of": minimum_of,
            f"decisions.{place}.maximum_of": maximum_of,
            f"decisions.{place}.applies": "",
        }
        place += 1
    return more


def count(values: Mapping[str, str], group: str) -> int:
    """Return how many classes or decisions the fields have, empty ones too."""
    return max((place + 1 for place in _all_places(values, group)), default=0)


def _all_places(values: Mapping[str, str], group: str) -> list[int]:
    return rows_of(values, group, most=_MOST)


def _places(values: Mapping[str, str], group: str) -> list[int]:
    """Return the places at which something was filled in."""
    return rows_of(values, group, _NEEDED[group], most=_MOST)


def _class_values(kept: RetentionClass) -> dict[str, str]:
    values = {"class": kept.name, "purpose": kept.purpose, "from": kept.starts, "at_end": kept.at_end}
    values |= {name: period_value(getattr(kept, name)) for name in _PERIODS}
    values |= {"minimum_ground": kept.minimum_ground or "", "statute": kept.statute or ""}
    return values | {f"match.{name}": getattr(kept.match, name) or "" for name in _MATCH}


def _class_body(values: Mapping[str, str], place: int) -> dict[str, Any]:
    def text(name: str) -> str:
        return values.get(f"classes.{place}.{name}", "")

    body: dict[str, Any] = {name: text(name) for name in ("class", "purpose")}
    body |= {name: text(name) for name in ("from", "at_end") if text(name)}
    for name in _OPTIONAL:
        if text(name):
            body[name] = period_text(text(name)) if name in _PERIODS else text(name)
    return body | {"match": {name: text(f"match.{name}") for name in _MATCH if text(f"match.{name}")}}

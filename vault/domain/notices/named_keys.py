"""The telephone keys that the text of a notice names: what a party hears must be what the account does."""

import re

from vault.domain.consent.consent_event import KEY_MODES, Keys
from vault.domain.notices.notice import Notice
from vault.errors import Invalid, Refused

#: A key by itself, not a digit of a telephone number or of an amount.
_KEY = re.compile(r"(?<![\w*#+.,-])[0-9*#](?![\w*#]|[.,-]\d)")


def check_keys(draft: Notice, keys: Keys) -> None:
    """Check that a notice which asks for a key speaks of the account's keys.

    A text may name them in words, which nobody compares. Raises Refused for a text that was written for other keys,
    and Invalid, field ``text``, for one that names other keys as digits.
    """
    if draft.mode not in KEY_MODES:
        return
    if draft.keys not in {None, keys}:
        raise Refused(
            "The account's keys were changed after this text was written, and it may name the keys of before. Save the "
            "draft with a text for the new keys.",
            reasons=("other_keys",),
        )
    named = set(_KEY.findall(draft.text))
    wanted = [keys.decline] if draft.mode == "opt_out_key" else [keys.decline, keys.accept]
    lacking = [key for key in wanted if key not in named]
    if named and lacking:
        raise Invalid(
            f"The text names {' and '.join(sorted(named))} and not the account's key {' and '.join(lacking)}.",
            field="text",
        )


def spoken(notice: Notice) -> tuple[object, ...]:
    """Return what the audio of a notice says; the keys count where it asks for one."""
    return notice.text, notice.language, notice.mode, notice.keys if notice.mode in KEY_MODES else None

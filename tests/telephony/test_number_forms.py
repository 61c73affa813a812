"""The forms in which other systems store a number."""

import pytest

from vault.domain.crm.handover import NumberForms
from vault.telephony.numbering.number_plans import NumberPlans

PLANS = NumberPlans()


def shown(forms: NumberForms | None) -> tuple[str, ...]:
    """Return the forms in their order."""
    assert forms is not None
    return (
        forms.e164, forms.digits, forms.significant, forms.national, forms.spaced_national, forms.spaced_international,
    )  # fmt: skip


@pytest.mark.parametrize(
    "forms",
    [
        ("+33612345678", "33612345678", "612345678", "0612345678", "06 12 34 56 78", "+33 6 12 34 56 78"),
        ("+12025550100", "12025550100", "2025550100", "2025550100", "(202) 555-0100", "+1 202-555-0100"),
        # Italy's zero is part of the number; Argentina's mobiles have a 9 abroad and a 15 at home.
        ("+390669812345", "390669812345", "0669812345", "0669812345", "06 6981 2345", "+39 06 6981 2345"),
        ("+5491123456789", "5491123456789", "91123456789", "0111523456789", "011 15-2345-6789",
         "+54 9 11 2345-6789"),
    ],
)  # fmt: skip
def test_a_number_has_the_forms_of_its_country(forms):
    """A trunk prefix stands where the country dials one, and only there."""
    assert shown(PLANS.forms(forms[0])) == forms


@pytest.mark.parametrize(
    "number", ["anonymous", "", "+331", "12", "0612345678", "sip:a@b.example", "+99912345678"]
)
def test_what_is_no_whole_number_has_no_forms(number):
    """A withheld, short or internal number is not searched for."""
    assert PLANS.forms(number) is None


def test_forms_are_not_shown():
    """A number does not reach a log by a repr."""
    assert "612345678" not in repr(PLANS.forms("+33612345678"))

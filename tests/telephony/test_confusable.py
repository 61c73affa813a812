"""Which other numbers a spelling without its country can mean."""

import pytest

from vault.telephony.numbering.number_plans import NumberPlans

PLANS = NumberPlans()


@pytest.mark.parametrize(
    ("number", "other", "regions"),
    [
        # 0612345678 is a number of Luxembourg's plan, too; 2025550100 one of Egypt's by its digits alone.
        ("+33612345678", "+352612345678", ()),
        ("+2025550100", "+12025550100", ()),
        ("+12025550100", "+2025550100", ("EG",)),
    ],
)
def test_a_national_spelling_is_read_in_every_plan(number, other, regions):
    """A call's terms have each reading, so the request of one holder finds the call of the other."""
    assert other in PLANS.confusable(number, regions)


@pytest.mark.parametrize(
    ("number", "other", "regions"),
    [("+12025550100", "+2025550100", ("US",)), ("+33612345678", "+33612345678", ("FR",))],
)
def test_what_hardly_anybody_means_is_no_other_number(number, other, regions):
    """Ten digits are hardly ever an international number, and a number is not its own double."""
    assert other not in PLANS.confusable(number, regions)

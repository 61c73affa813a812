"""Prints how many examples the property tests of this room used."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def print_examples(request):
    """Name the count, because it is small unless CALLVAULT_FAULTS=1."""
    if (examples := getattr(request.module, "EXAMPLES", None)) is not None:
        print(f"{request.module.__name__}: {examples} examples for each property")

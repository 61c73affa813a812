"""How long recordings are kept: periods, policies, holds and the judge. Pure."""

"""Claims that installed packages register in the entry-point group `vvnorm.claims`."""

from vvnorm._internal import plugins
from vvnorm.claims.contract import Claim

GROUP = "vvnorm.claims"


def claim_names() -> list[str]:
    """Names of all claims that installed packages register in the entry-point group `vvnorm.claims`."""
    return plugins.names(GROUP)


def load_claim(name: str) -> Claim:
    """Load one claim; ValueError lists the names if there is none of that name."""
    return plugins.load(GROUP, name, Claim, "vvnorm.claims.Claim")

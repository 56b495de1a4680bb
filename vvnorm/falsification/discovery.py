"""Variants that installed packages register; the error for an unknown name gives the nearest name."""

from vvnorm._internal import plugins
from vvnorm._internal.names import refuse_unknown
from vvnorm.claims import Claim, claim_names, load_claim
from vvnorm.falsification.statement import Variant

GROUP = "vvnorm.variants"


def variant_names() -> list[str]:
    """Names of all variants that installed packages register in the entry-point group `vvnorm.variants`."""
    return plugins.names(GROUP)


def load_variant(name: str) -> Variant:
    """Load one variant; ValueError names the nearest if there is none of that name."""
    refuse_unknown("variant", name, variant_names())
    return plugins.load(GROUP, name, Variant, "vvnorm.falsification.Variant")


def nearest_claim(name: str) -> Claim:
    """Load one claim; ValueError names the nearest if there is none of that name."""
    refuse_unknown("claim", name, claim_names())
    return load_claim(name)


def variants_by_claim() -> dict[str, list[Variant]]:
    """All variants, by the claim that they vary and by id; exact forms of claims are among them."""
    variants: dict[str, list[Variant]] = {}
    for name in sorted(variant_names()):
        variant = plugins.load(GROUP, name, Variant, "vvnorm.falsification.Variant")
        variants.setdefault(variant.claim, []).append(variant)
    return variants


def exact_form(claim: str) -> Variant | None:
    """Return the form of a claim that is decided for single data sets, if one is registered."""
    return load_variant(claim) if claim in variant_names() else None

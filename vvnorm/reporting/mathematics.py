"""Converts the LaTeX formulas of claims and figures to MathML, which browsers show without scripts or fonts."""

from functools import cache

from markupsafe import Markup, escape


@cache
def formula(latex: str, *, block: bool = False) -> Markup:
    r"""Return a formula as MathML.

    Parameters
    ----------
    latex : str
        Such as ``\lVert v \rVert``.
    block : bool
        Whether the formula has its own line.
    """
    from latex2mathml.converter import convert

    return Markup(convert(latex, display="block" if block else "inline"))


def with_formulas(text: str) -> Markup:
    """Return text as HTML; text between dollar signs becomes formulas."""
    parts = text.split("$")
    return Markup("").join(formula(part) if place % 2 else escape(part) for place, part in enumerate(parts))

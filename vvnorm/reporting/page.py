"""Renders a content by a template as a single HTML file, without references to other files."""

import base64
from pathlib import Path
from typing import Any

from vvnorm._internal.files import atomic_write
from vvnorm.reporting.mathematics import formula, with_formulas

MISSING = "reports need jinja2 and latex2mathml: pip install 'vvnorm[report]'"


def render(template: str, content: Any) -> str:
    """Return the page of a content.

    Parameters
    ----------
    template : str
        Name of a file in `templates/`.
    content : dataclass
        The values that the template shows.

    Raises
    ------
    ValueError
        If a package that reports need is not installed.
    """
    try:
        import latex2mathml.converter  # noqa: F401  (used when a formula is met)
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ValueError(f"{MISSING} ({error})") from None
    templates = Environment(
        loader=PackageLoader("vvnorm.reporting"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    templates.filters |= {"formula": formula, "mathematics": with_formulas, "number": number, "data_uri": data_uri}
    return templates.get_template(template).render(page=content)


def write(path: Path, text: str) -> None:
    """Write a page, whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(text.encode())


def number(value: float | str | None, digits: int = 3) -> str:
    """Return a number as the text for a table; an empty text for None."""
    if value is None or value == "":
        return ""
    return f"{float(value):.{digits}g}"


def data_uri(content: bytes, kind: str) -> str:
    """Return a file's content as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"

"""Hooks of the documentation site: formulas become MathML, and links that leave the documentation become text."""

import re
from typing import Any

from vvnorm.reporting.mathematics import formula


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace `$$...$$` by MathML, and links to files outside docs/ by their text."""
    markdown = re.sub(r"\$\$(.+?)\$\$", lambda match: str(formula(match[1], block=True)), markdown, flags=re.DOTALL)
    return re.sub(r"\[([^\]]+)\]\(\.\./(?!\w+\.md)[^)]*\)", r"\1", markdown)

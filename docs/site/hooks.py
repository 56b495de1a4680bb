"""Hooks of the documentation site: formulas become MathML, links that leave the documentation text, scripts pages."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from vvnorm.reporting.mathematics import formula

sys.path.insert(0, str(Path(__file__).parent))
import gallery  # beside this file, which mkdocs loads by its path


def on_config(config: Any, **_: Any) -> Any:
    """List the pages of the gallery, which are made from scripts, after the guides."""
    pages = ["gallery/index.md", *(f"gallery/{name}.md" for name in gallery.ORDER)]
    after = [next(iter(entry)) if isinstance(entry, dict) else "" for entry in config.nav].index("Guides") + 1
    config.nav.insert(after, {"Gallery": pages})
    return config


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Run the scripts of the gallery; add their pages and figures."""
    files.append(File.generated(config, "gallery/index.md", content=gallery.index()))
    for name in gallery.ORDER:
        text, figures = gallery.page(name)
        files.append(File.generated(config, f"gallery/{name}.md", content=text))
        for file, content in figures.items():
            files.append(File.generated(config, f"gallery/{file}", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace `$$...$$` by MathML, and links to files outside docs/ by their text."""
    markdown = re.sub(r"\$\$(.+?)\$\$", lambda match: str(formula(match[1], block=True)), markdown, flags=re.DOTALL)
    return re.sub(r"\[([^\]]+)\]\(\.\./(?!\w+\.md)[^)]*\)", r"\1", markdown)

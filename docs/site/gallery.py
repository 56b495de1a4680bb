"""Pages of the gallery: each script of `gallery/` as text, code and the figures that it draws.

A script is a docstring and cells that begin with `# %%`; comment lines below that are text. It runs when the site is built.
"""

import ast
import io
import re
import runpy
import warnings
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent.parent / "gallery"

ORDER = (
    "uniqueness",
    "own_torch_model",
    "counterexample",
    "shared_kinks",
    "competing_tasks",
    "band_in_the_plane",
    "overfitting_cured",
    "study_in_ten_lines",
    "certificate_by_hand",
    "own_claim",
)
"""The scripts in the order in which a reader meets them."""


def title(name: str) -> str:
    """Return the title of a script: the first line of its docstring."""
    return docstring(name).partition("\n")[0].removesuffix(".")


def docstring(name: str) -> str:
    """Return the docstring of a script."""
    return ast.get_docstring(ast.parse((SCRIPTS / f"{name}.py").read_text(encoding="utf-8"))) or ""


def cells(name: str) -> Iterator[tuple[str, str]]:
    """Yield text and code of each cell of a script; the first has the docstring's text below the title."""
    source = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    body = source.split('"""', 2)[2]
    texts = [docstring(name).partition("\n")[2].strip()]
    parts = re.split(r"^# %%\n", body, flags=re.MULTILINE)
    codes = [parts[0].strip()]
    for part in parts[1:]:
        comment = re.match(r"(?:#.*\n)*", part)
        lines = comment[0] if comment else ""
        texts.append(re.sub(r"^# ?", "", lines, flags=re.MULTILINE).strip())
        codes.append(part[len(lines) :].strip())
    yield from zip(texts, codes, strict=True)


def run(name: str) -> tuple[str, list[bytes]]:
    """Run a script; return what it printed, and its figures as SVG.

    Raises
    ------
    Exception
        Whatever the script raises: its assertions are part of it.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.close("all")
    printed = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": name, "axes.spines.top": False, "axes.spines.right": False}
    with matplotlib.rc_context(settings), redirect_stdout(printed), warnings.catch_warnings():
        # A window that `plt.show()` asks for cannot be opened here.
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive", category=UserWarning)
        runpy.run_path(str(SCRIPTS / f"{name}.py"))
        figures = []
        for number in pyplot.get_fignums():
            stream = io.BytesIO()
            pyplot.figure(number).savefig(stream, format="svg", metadata={"Date": None})
            figures.append(stream.getvalue())
    pyplot.close("all")
    return printed.getvalue(), figures


def page(name: str) -> tuple[str, dict[str, bytes]]:
    """Return the page of a script in Markdown, and the files of its figures by name."""
    printed, figures = run(name)
    files = {f"{name}_{k}.svg": figure for k, figure in enumerate(figures)}
    lines = [f"# {title(name)}"]
    for text, code in cells(name):
        lines += [text, f"```py\n{code}\n```"]
    if printed:
        lines.append(f"It prints\n\n```text\n{printed.strip()}\n```")
    lines += [f"![{title(name)}]({file})" for file in files]
    lines.append(f"The script is `gallery/{name}.py`; the tests run it.")
    return "\n\n".join(filter(None, lines)) + "\n", files


def index() -> str:
    """Return the page that lists the scripts, in Markdown."""
    entries = [f"- [{title(name)}]({name}.md): {' '.join(docstring(name).split(chr(10) * 2)[1].split())}" for name in ORDER]
    return "# Gallery\n\nTen short scripts, one idea each. The tests run them.\n\n" + "\n".join(entries) + "\n"

"""The public names of vvnorm with their parameters, as text.

`python -m tests.public_api > tests/public_api.txt` writes what `tests/test_public_api.py` compares with. The public
interface changes only on purpose, and the difference of that file shows how.
"""

import enum
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import vvnorm


class _Named:
    """Stands for a default that is a function, whose text has an address."""

    def __repr__(self) -> str:
        return "<function>"


_NAMED = _Named()


def lines() -> Iterator[str]:
    """Yield a line for each public name, and one for each public member of a class."""
    for name in sorted(set(vvnorm.__all__) - {"__version__"}):
        value = getattr(vvnorm, name)
        yield f"{name}{parameters(value)}"
        if inspect.isclass(value):
            yield from (f"    {line}" for line in members(value))


def members(kind: type) -> Iterator[str]:
    """Yield methods with their parameters, then properties and fields, of a class and of its bases in this package."""
    ours = [base for base in kind.__mro__ if base.__module__.startswith("vvnorm")]
    defined = {name: inspect.getattr_static(kind, name) for base in ours for name in vars(base) if name[0] != "_"}
    fields = {name for base in ours for name in vars(base).get("__annotations__", {}) if name[0] != "_"}
    for name in sorted(defined.keys() | fields):
        value = defined.get(name)
        function = getattr(value, "__func__", value)
        yield f"{name}{parameters(function)}" if inspect.isfunction(function) else name


def parameters(value: Any) -> str:
    """Return names and defaults of the parameters, without types, of a function or of a class that is called."""
    if inspect.isclass(value) and issubclass(value, enum.Enum):
        return ""
    entries = []
    for parameter in inspect.signature(value).parameters.values():
        given = {"default": _NAMED} if callable(parameter.default) and parameter.default is not parameter.empty else {}
        entries.append(str(parameter.replace(annotation=inspect.Parameter.empty, **given)))
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in entries and not any(e[0] == "*" for e in entries):
            entries.insert(-1, "*")
    return f"({', '.join(entries)})"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lines()) + "\n")

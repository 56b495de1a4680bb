"""The memory that the system reports as available, for errors in place of a machine that swaps or ends the process."""

import math
import re
from pathlib import Path


def available() -> float:
    """Return the bytes of memory available; infinite if the system does not report them."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        match = None
    return 1024 * float(match[1]) if match else math.inf


def size(number: float) -> str:
    """Return a number of bytes in words."""
    return f"{number / 1e9:.3g} GB"

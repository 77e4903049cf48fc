"""Results as pictures for slides."""

import sys
from functools import cache
from importlib.util import find_spec


@cache
def drawable() -> bool:
    """Can pictures be drawn? Without matplotlib a line says, once, that there are none."""
    if find_spec("matplotlib") is not None:
        return True
    print("matplotlib is not installed: no pictures are drawn", file=sys.stderr)
    return False

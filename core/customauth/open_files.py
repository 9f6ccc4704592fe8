"""Whether this process may open another file; a connection is one."""

from __future__ import annotations

import errno
import os

NO_MORE = frozenset({errno.EMFILE, errno.ENFILE})
"""What the system says where the process, or the whole machine, may open no more."""


def none_left() -> bool:
    """Try it: what a resolver or a library makes of it seldom says so."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in NO_MORE
    return False

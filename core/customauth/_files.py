"""Files that hold secrets, and files that several processes may make at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing, and keep whoever else locks it waiting until the end of the block.

    :raises OSError: when it cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A file of its own, as NFS does not lock folders. It stays: who waits for a removed one would lock nothing.
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whatever its mode was before.

    :raises OSError: when it cannot be written; what was there before is left then.
    """
    _replace(file, content, 0o600)


def write_public(file: Path, content: bytes) -> None:
    """Write a file that others may read, as far as the umask lets them.

    :raises OSError: when it cannot be written; what was there before is left then.
    """
    _replace(file, content, 0o666)


def without_line_end(content: bytes) -> bytes:
    """Drop one line end, LF or CR LF, at the end of a secret: editors and ``echo`` put one there."""
    end = next((end for end in (b"\r\n", b"\n") if content.endswith(end)), b"")
    return content.removesuffix(end)


def _replace(file: Path, content: bytes, mode: int) -> None:
    """Put a new file in place at once: nobody reads half of it."""
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
            stream.write(content)
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise

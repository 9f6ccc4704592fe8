"""Cutting all of this process's connections to a server at once, as a network does: no DISCONNECT, no close_notify."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Iterable
from pathlib import Path

from customauth.swarm.limits import open_files

# Linux has the first, macOS the second.
_FOLDERS = (Path("/proc/self/fd"), Path("/dev/fd"))


def cut_connections(ports: Collection[int]) -> int:
    """Shut down every TCP connection of this process whose peer is at one of the ports; return how many there were.

    The libraries keep their sockets to themselves, so they are found by their descriptors.

    :raises OSError: this system lists no descriptors.
    """
    return sum(_cut(descriptor, ports) for descriptor in _descriptors())


def _descriptors() -> Iterable[int]:
    folder = next((each for each in _FOLDERS if each.is_dir()), None)
    if folder is None:
        raise OSError("this system does not list a process's open files, so connections cannot be cut")
    try:
        return [int(name) for name in os.listdir(folder) if name.isdigit()]
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        # The list is a file, too; when there can be no more, every number below the limit is taken.
        return range(open_files())


def _cut(descriptor: int, ports: Collection[int]) -> bool:
    try:
        # Not a duplicate, as there may be no file left for it.
        borrowed = socket.socket(fileno=descriptor)
    except OSError:
        # No socket, or closed meanwhile.
        return False
    try:
        peer = borrowed.getpeername()
        if not isinstance(peer, tuple) or peer[1] not in ports:
            return False
        borrowed.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Not connected.
        return False
    finally:
        # It is the library's, who closes it.
        borrowed.detach()
    return True

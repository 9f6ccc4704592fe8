"""Cutting all of this process's connections to a server at once, as a network does: no DISCONNECT, no close_notify."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection
from pathlib import Path

# Linux has the first, macOS the second.
_FOLDERS = (Path("/proc/self/fd"), Path("/dev/fd"))


def cut_connections(ports: Collection[int]) -> int:
    """Shut down every TCP connection of this process whose peer is at one of the ports; return how many there were.

    The libraries keep their sockets to themselves, so they are found by their descriptors.

    :raises OSError: this system lists no descriptors.
    """
    folder = next((each for each in _FOLDERS if each.is_dir()), None)
    if folder is None:
        raise OSError("this system does not list a process's open files, so connections cannot be cut")
    return sum(_cut(int(name), ports) for name in os.listdir(folder) if name.isdigit())


def _cut(descriptor: int, ports: Collection[int]) -> bool:
    try:
        # A duplicate: closing it leaves the library's own alone.
        twin = socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        # Closed meanwhile, as the one that lists the folder.
        return False
    with contextlib.closing(twin):
        try:
            peer = twin.getpeername()
            if not isinstance(peer, tuple) or peer[1] not in ports:
                return False
            twin.shutdown(socket.SHUT_RDWR)
        except OSError:
            # No socket, or one that is not connected.
            return False
    return True

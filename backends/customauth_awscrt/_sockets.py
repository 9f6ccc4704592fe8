"""Ending a connection that awscrt does not let go of.

awscrt waits for ever for the answer to its request for a WebSocket, and nothing of its own ends an attempt that it has
begun. A socket that is shut down does. awscrt does not say which one is its own, but sets the intervals of TCP's
keep-alive as it is told: every attempt has a pair of its own, hours long, and is found by it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import stat

from attrs import frozen

# Linux only: elsewhere an attempt ends by itself, or never.
_OPEN_FILES = "/proc/self/fd"

# Nobody means such intervals, and the kernel takes up to 32767 s.
_SHORTEST, _LONGER, _EACH = 16_384, 24_576, 8192
_numbers = itertools.count()


@frozen
class Mark:
    """What the sockets of one attempt are known by: two intervals in seconds.

    awscrt says that one is before the first keep-alive of TCP and one between the others, and takes them the other way
    round: either will do.
    """

    shorter: int
    longer: int

    @classmethod
    def new(cls) -> Mark:
        """Return one that no other attempt of the process has."""
        high, low = divmod(next(_numbers), _EACH)
        return cls(_SHORTEST + high % _EACH, _LONGER + low)

    def shut_down(self) -> None:
        """Shut down all sockets that have the mark; awscrt then takes them for closed by the peer. It never fails."""
        with contextlib.suppress(OSError):
            for name in os.listdir(_OPEN_FILES):
                # Any of them may be closed meanwhile by its owner, and its number be another's.
                with contextlib.suppress(OSError):
                    self._shut_down(int(name))

    def _shut_down(self, descriptor: int) -> None:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return
        # What is looked at and what is shut down is the same then, whatever becomes of the number.
        with socket.socket(fileno=os.dup(descriptor)) as found:
            if found.type is socket.SOCK_STREAM and found.family in (socket.AF_INET, socket.AF_INET6):
                options = socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL
                if {found.getsockopt(socket.IPPROTO_TCP, each) for each in options} == {self.shorter, self.longer}:
                    found.shutdown(socket.SHUT_RDWR)

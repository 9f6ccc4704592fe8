"""From a name to a TCP connection."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
from typing import Any, TypeAlias

from customauth.endpoint import authority
from customauth.errors import ConnectionRefused, DialError, NameNotResolved, Stage

_log = logging.getLogger(__name__)

Address: TypeAlias = tuple[int, int, int, Any]
"""Family, type and protocol of a socket, and what it connects to."""


async def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a name, the best first; those of an IP address at once.

    :raises NameNotResolved: it has none.
    :raises DialError: this machine cannot look it up now.
    """
    try:
        if _is_literal(host):
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        else:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NameNotResolved(f"the name {host} has no address: {getattr(error, 'strerror', error)}") from error
    except OSError as error:
        raise DialError(f"{host} cannot be looked up: {error.strerror}", stage=Stage.NAME) from error
    addresses: list[Address] = [(family, kind, protocol, address) for family, kind, protocol, _, address in found]
    _log.debug("%s is at %s", host, ", ".join(str(address[3][0]) for address in addresses))
    return addresses


async def connect(addresses: list[Address], deadline: float) -> socket.socket:
    """Try each address in turn; a silent one gets no more than its share of the time.

    :param deadline: on the clock of the event loop. The last address has no other limit than the caller's.
    :raises ConnectionRefused: no address took the connection.
    """
    loop = asyncio.get_running_loop()
    failures: list[OSError] = []
    for left, (family, kind, protocol, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            peer = socket.socket(family, kind, protocol)
        except OSError as error:
            # This process may open no more files, or this system does not know the family.
            failures.append(error)
            continue
        peer.setblocking(False)
        try:
            async with asyncio.timeout((deadline - loop.time()) / left if left > 1 else None):
                await loop.sock_connect(peer, address)
        except OSError as error:
            peer.close()
            failures.append(error)
        except BaseException:
            peer.close()
            raise
        else:
            _log.debug("TCP connected to %s", authority(*address[:2]))
            return peer
    number = failures[-1].errno
    # What asyncio says in the place of the system's word holds the address as a tuple.
    reason = "no answer" if number is None else os.strerror(number)
    raise ConnectionRefused(f"no TCP connection to {authority(*addresses[-1][3][:2])}: {reason}") from failures[-1]


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""The doctor's first stage: what is wrong with a set-up that can be seen without a network.

Every function here looks at one thing and makes one check of it. What AWS surely refuses is CERTAIN; what also works in
some account, as a user name without an authorizer does where there is a default one, is less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import attrs

from customauth.doctor.finding import Certainty, Check
from customauth.doctor.lint import (
    jwt,
    names,
    network,
    packet,
    password,
    signature,
    token,
    username,
    values,
    verification,
)
from customauth.doctor.lint.sight import Sight
from customauth.doctor.setup import Setup
from customauth.doctor.wrapping import unwrapped

_BEFORE: tuple[Callable[[Sight], Check | None], ...] = (
    network.endpoint_name,
    network.port,
    network.alpn,
    network.path,
    packet.packet,
    packet.client_id,
    packet.keep_alive,
    packet.session_expiry,
    packet.will,
    packet.sizes,
)
_AFTER: tuple[Callable[[Sight], Check | None], ...] = (
    names.refused,
    names.parameter_names,
    names.authorizer,
    names.token_key_name,
    token.token,
    signature.signature,
    verification.verification,
    jwt.jwt,
    password.password,
)


def lint(setup: Setup, *, now: datetime) -> Iterator[Check]:
    """Look at one thing after the other, in the order in which an attempt to connect meets them; pure.

    :param now: the time to hold a JWT's times against; with a time zone.
    """
    sight = Sight.of(setup, now)
    for look in _BEFORE:
        check = look(sight)
        if check is not None:
            yield check
    read = username.username(sight)
    yield read
    # The parameters are not those that were meant, so what they lack says nothing.
    garbled = any(each.certainty is Certainty.CERTAIN for each in read.findings)
    if any(each.rule == "username-wrapped" for each in read.findings):
        setup = unwrapped(setup)
    sight = attrs.evolve(Sight.of(setup, now), garbled=garbled)
    check = None if garbled else values.values(sight)
    if check is not None:
        yield check
        sight = values.put_right(sight)
    for look in _AFTER:
        check = look(sight)
        if check is not None:
            yield check

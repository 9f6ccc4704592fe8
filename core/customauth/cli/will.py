"""The options of the will: what the server publishes when the connection is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from customauth.cli.misuse import Misuse

if TYPE_CHECKING:
    from customauth.will import Will

F = TypeVar("F", bound=Callable[..., Any])


def will_options(command: F) -> F:
    """Add the options of the will; :func:`take_will` reads them."""
    for add in reversed(
        [
            click.option("--will-topic", metavar="TOPIC", help="Where to publish when the connection is lost."),
            click.option("--will-payload", metavar="TEXT", help="What to publish there.  [default: nothing]"),
            click.option("--will-qos", type=int, metavar="N", help="0 or 1.  [default: 0]"),
            click.option("--will-retain/--no-will-retain", help="It is retained."),
            click.option("--will-delay", type=int, metavar="SECONDS", help="How long the server waits (MQTT 5)."),
        ]
    ):
        command = add(command)
    return command


def take_will(options: dict[str, Any]) -> Will | None:
    """Take the will out of a command's options, None without ``--will-topic``.

    :raises Misuse: there is more of a will, but no topic.
    :raises RequestError: no server takes it.
    """
    topic, payload = options.pop("will_topic"), options.pop("will_payload")
    qos, retain, delay = options.pop("will_qos"), options.pop("will_retain"), options.pop("will_delay")
    if topic is None:
        if retain or not (payload is None and qos is None and delay is None):
            raise Misuse("a will needs a topic", "add --will-topic TOPIC, or leave the other options of the will out")
        return None
    from customauth.will import Will

    return Will(topic=topic, payload=os.fsencode(payload or ""), qos=qos or 0, retain=retain, delay=delay)

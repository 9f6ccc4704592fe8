"""The options for the properties of a message, which only MQTT 5 carries."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from customauth.cli.misuse import Misuse
from customauth.message import NO_PROPERTIES, MessageProperties
from customauth.mqtt.protocol import MqttVersion

F = TypeVar("F", bound=Callable[..., Any])


def property_options(command: F) -> F:
    """Add the options for the properties of a message; :func:`take_properties` reads them."""
    for add in reversed(
        [
            click.option("--content-type", metavar="TEXT", help="What the payload is, such as application/json."),
            click.option("--response-topic", metavar="TOPIC", help="Where the answer is wanted."),
            click.option("--correlation-data", metavar="TEXT", help="What the answer is to carry, any bytes."),
            click.option("--message-expiry", type=int, metavar="SECONDS", help="How long it is worth delivering."),
            click.option(
                "--user-property",
                "message_user_properties",
                nargs=2,
                multiple=True,
                metavar="NAME VALUE",
                help="A user property of the message; may be repeated.",
            ),
            click.option("--utf8", is_flag=True, help="Declare the payload to be UTF-8 text."),
        ]
    ):
        command = add(command)
    return command


def take_properties(options: dict[str, Any], version: MqttVersion) -> MessageProperties:
    """Take the properties of a message out of ``options``.

    :raises Misuse: when there are some, and the MQTT version carries none.
    :raises RequestError: when the wire cannot carry one.
    """
    correlation_data = options.pop("correlation_data")
    properties = MessageProperties(
        response_topic=options.pop("response_topic"),
        correlation_data=None if correlation_data is None else os.fsencode(correlation_data),
        content_type=options.pop("content_type"),
        message_expiry=options.pop("message_expiry"),
        user_properties=options.pop("message_user_properties"),
        utf8=options.pop("utf8"),
    )
    if version is not MqttVersion.V5 and properties != NO_PROPERTIES:
        raise Misuse(
            f"MQTT {version.label} carries no properties of a message",
            "leave out --content-type, --user-property and their like, or choose -V 5",
        )
    return properties

"""``customauth pub``: connect and publish messages, as mosquitto_pub does."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.attempt import Attempt, attempt_options, take_attempt
from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.failures import tell_failure
from customauth.cli.message_properties import property_options, take_properties
from customauth.cli.options import (
    answer_timeout_option,
    connect_user_property_option,
    debug_option,
    json_lines_option,
    qos_option,
    show_debug,
)
from customauth.cli.payloads import payload_options, take_payloads
from customauth.cli.profile import takes_profile
from customauth.cli.say import say
from customauth.errors import CustomAuthError
from customauth.message import check_qos, check_topic

if TYPE_CHECKING:
    from customauth.cli.outbox import Outgoing, Teller


@click.command(context_settings={"show_default": False})
@click.option("-t", "--topic", required=True, metavar="TOPIC", help="Where to publish.")
@payload_options
@qos_option
@click.option("-r", "--retain", is_flag=True, help="Let the server keep the message for later subscribers.")
@property_options
@answer_timeout_option
@click.option("-v", "--verbose", is_flag=True, help="Print a line for every message.")
@json_lines_option
@debug_option
@attempt_options
@connect_user_property_option("--connect-user-property")
@click.argument("endpoint", required=False)
@takes_profile(needs_endpoint=True)
def command(endpoint: str, topic: str, verbose: bool, as_json: bool, debug: bool, **options: Any) -> int:
    """Connect to ENDPOINT (HOST[:PORT] or wss://HOST[:PORT][/PATH]) and publish.

    Who connects and how: as with customauth connect. It says nothing when all went well. At QoS 0 no server answers:
    only -q 1 tells whether the message was taken.
    """
    from customauth.cli.outbox import JsonTeller, Outgoing, Teller, VerboseTeller

    if debug:
        show_debug()
    started = time.monotonic()
    try:
        check_topic(topic)
        check_qos(options["qos"])
        attempt = take_attempt(options, endpoint)
        properties = take_properties(options, attempt.request.version)
        # After the credentials, which may come from standard input too.
        payloads = take_payloads(options)
        outgoing = Outgoing(topic=topic, payloads=payloads, properties=properties, **options)
        teller = JsonTeller() if as_json else VerboseTeller() if verbose else Teller()
        return _run(attempt, outgoing, teller)
    except CustomAuthError as error:
        if debug:
            traceback.print_exc()
        tell_failure(error, time.monotonic() - started, as_json=as_json)
        return exit_code(error)


def _run(attempt: Attempt, outgoing: Outgoing, teller: Teller) -> ExitCode:
    import asyncio

    from customauth.cli.outbox import Outbox
    from customauth.cli.stopping import unless_stopped

    async def publish() -> ExitCode:
        async with await attempt.make() as connection:
            outbox = Outbox(connection, outgoing, teller)
            stopped = await unless_stopped(outbox.feed())
            code = await outbox.finish()
        if stopped is None:
            return code
        say("interrupted")
        return ExitCode.INTERRUPTED

    return asyncio.run(publish())

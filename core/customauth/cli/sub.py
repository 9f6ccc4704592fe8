"""``customauth sub``: connect, subscribe and print the messages, as mosquitto_sub does."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from customauth.cli.attempt import Attempt, attempt_options, take_attempt
from customauth.cli.exits import ExitCode, exit_code
from customauth.cli.failures import say_cause, say_next, tell_failure
from customauth.cli.misuse import Misuse
from customauth.cli.options import (
    answer_timeout_option,
    connect_user_property_option,
    debug_option,
    json_lines_option,
    qos_option,
    show_debug,
)
from customauth.cli.profile import takes_profile
from customauth.cli.say import say
from customauth.errors import CustomAuthError, SubscribeRefused
from customauth.message import Message, check_filter, check_qos, filter_matches

if TYPE_CHECKING:
    from customauth.cli.arrivals import Arrivals
    from customauth.cli.message_format import Writer
    from customauth.cli.output import Output
    from customauth.connection import Connection


@click.command(context_settings={"show_default": False})
@click.option("-t", "--topic", "filters", required=True, multiple=True, metavar="FILTER", help="May be repeated.")
@qos_option
@click.option("-C", "--count", type=click.IntRange(1), metavar="N", help="End after so many messages.")
@click.option(
    "-W",
    "--wait",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End when so much time has passed since the connection was made, with exit code 27.",
)
@click.option("-R", "--no-retained", is_flag=True, help="Leave out messages that were kept for later subscribers.")
@click.option(
    "-T", "--filter-out", "unwanted", multiple=True, metavar="FILTER", help="Leave out what matches; may be repeated."
)
@click.option("-v", "--verbose", is_flag=True, help="Print the topic before the payload; say when it has subscribed.")
@click.option("-N", "--no-newline", is_flag=True, help="Print no line end after a message.")
@click.option("-F", "--format", "form", metavar="FORMAT", help=r"Print this for each message, as '%t %p\t%I'.")
@json_lines_option
@answer_timeout_option
@debug_option
@attempt_options
@connect_user_property_option("--user-property", "--connect-user-property")
@click.argument("endpoint", required=False)
@takes_profile(needs_endpoint=True)
def command(endpoint: str, debug: bool, verbose: bool, as_json: bool, **options: Any) -> int:
    """Connect to ENDPOINT (HOST[:PORT] or wss://HOST[:PORT][/PATH]), subscribe, and print the payloads as they come.

    Who connects and how: as with customauth connect. Ctrl-C and SIGTERM end it with exit code 0.
    """
    from customauth.cli.output import Output

    if debug:
        show_debug()
    started = time.monotonic()
    try:
        wish = _take_wish(options, said=verbose or debug)
        writer = _take_writer(options, verbose=verbose, as_json=as_json)
        return _run(take_attempt(options, endpoint), wish, writer, Output())
    except CustomAuthError as error:
        if debug:
            traceback.print_exc()
        tell_failure(error, time.monotonic() - started, as_json=as_json)
        return exit_code(error)


@frozen(kw_only=True)
class _Wish:
    """What is subscribed to, which messages are printed, and for how long.

    :ivar said: whether to say what was subscribed to.
    """

    filters: tuple[str, ...]
    qos: int
    answer_timeout: float
    said: bool
    unwanted: tuple[str, ...]
    no_retained: bool
    count: int | None
    seconds: float | None

    def takes(self, message: Message) -> bool:
        if message.retain and self.no_retained:
            return False
        return not any(filter_matches(unwanted, message.topic) for unwanted in self.unwanted)


def _take_wish(options: dict[str, Any], *, said: bool) -> _Wish:
    names = ("qos", "answer_timeout", "no_retained", "count", "seconds")
    wish = _Wish(
        # A filter that is given twice is one subscription.
        filters=tuple(dict.fromkeys(options.pop("filters"))),
        unwanted=options.pop("unwanted"),
        said=said,
        **{name: options.pop(name) for name in names},
    )
    check_qos(wish.qos)
    for topic_filter in (*wish.filters, *wish.unwanted):
        check_filter(topic_filter)
    return wish


def _take_writer(options: dict[str, Any], *, verbose: bool, as_json: bool) -> Writer:
    from customauth.cli import message_format

    form, no_newline = options.pop("form"), options.pop("no_newline")
    end = b"" if no_newline else b"\n"
    if as_json:
        if form is not None or no_newline:
            raise Misuse("--json has a form of its own", "leave out -F and -N, or --json")
        return message_format.as_json
    if form is None:
        return message_format.plain(topic=verbose, end=end)
    try:
        return message_format.parse_format(form, end=end)
    except ValueError as error:
        raise Misuse(f"-F {form!r} cannot be used", str(error)) from error


def _run(attempt: Attempt, wish: _Wish, writer: Writer, output: Output) -> ExitCode:
    import asyncio

    from customauth.cli.stopping import Stop, unless_stopped

    async def listen() -> ExitCode:
        async with await attempt.make() as connection:
            stopped = await unless_stopped(_print(connection, wish, writer, output), wish.seconds)
        if stopped is Stop.CLOCK:
            say("Timed out")
            return ExitCode.TIME_IS_UP
        return ExitCode.OK

    return asyncio.run(listen())


async def _print(connection: Connection, wish: _Wish, writer: Writer, output: Output) -> None:
    """Subscribe, and print until there were enough messages.

    :raises SubscribeRefused: no filter was granted.
    :raises Disconnected: the connection was lost.
    """
    from customauth.cli.arrivals import Arrivals

    arrivals = Arrivals(connection)
    await _subscribe(arrivals, wish)
    printed = 0
    while batch := await arrivals.next():
        wanted = [arrival for arrival in batch if wish.takes(arrival.message)]
        if wish.count is not None:
            wanted = wanted[: wish.count - printed]
        await output.write(b"".join(map(writer, wanted)))
        printed += len(wanted)
        if printed == wish.count:
            return
    assert connection.closed is not None  # noqa: S101 - else there would be something
    raise connection.closed.again()


async def _subscribe(arrivals: Arrivals, wish: _Wish) -> None:
    """Subscribe to all filters, and say which of them are refused.

    :raises SubscribeRefused: when all are.
    """
    import asyncio

    answers = await asyncio.gather(
        *(arrivals.subscribe(each, wish.qos, wish.answer_timeout) for each in wish.filters), return_exceptions=True
    )
    refusals = [answer for answer in answers if isinstance(answer, SubscribeRefused)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, SubscribeRefused):
            raise answer
    if len(refusals) == len(answers):
        say("All subscription requests were denied.")
        for refusal in refusals[:-1]:
            say_cause(refusal)
        raise refusals[-1]
    for topic_filter, granted in zip(wish.filters, answers, strict=True):
        if wish.said and not isinstance(granted, BaseException):
            say(f"subscribed to {topic_filter!r} at QoS {granted}")
    for refusal in refusals:
        say_cause(refusal)
    for refusal in refusals[:1]:
        say_next(refusal)

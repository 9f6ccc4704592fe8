"""``customauth compare``: the comparison at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from customauth.cli import compare_files
from customauth.cli.credentials import credential_options
from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import (
    VERSIONS,
    ca_option,
    complete_backends,
    port_option,
    timeout_option,
)
from customauth.cli.profile import takes_profile
from customauth.cli.say import say
from customauth.endpoint import Transport

if TYPE_CHECKING:
    from customauth.compare import Report
    from customauth.compare.baseline import Judgement
    from customauth.compare.threshold import Threshold

# Options that say what is run; --merge runs nothing.
_RUN_OPTIONS = ("backends", "scenarios", "transports", "protocols", "rounds", "quick", "no_raw", "environment")


@click.command()
@click.option(
    "--backend",
    "backends",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_backends,
    help="Compare these only; may be repeated.",
)
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Run these only; may be repeated.")
@click.option(
    "--transport",
    "transports",
    multiple=True,
    type=click.Choice([transport.value for transport in Transport]),
    help="Over this only.  [default: both]",
)
@click.option(
    "-V",
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice(list(VERSIONS)),
    help="This MQTT version only.  [default: both]",
)
@click.option("--rounds", type=click.IntRange(1, 1000), metavar="N", help="Turns for each cell.  [default: 5; quick 2]")
@click.option("--quick", is_flag=True, help="Repeat little: a first look in a minute or two, not numbers to rely on.")
@click.option("--no-raw", is_flag=True, help="Leave out the libraries alone, without customauth's layer.")
@credential_options
@port_option
@ca_option
@click.option("--address", metavar="HOST[:PORT]", help="Dial this, but keep ENDPOINT as the server's name.")
@timeout_option
@click.option("--topic", metavar="TOPIC", help="Publish below it, with an ENDPOINT.  [default: sample/compare]")
@compare_files.output_options
@click.option("--baseline", type=click.Path(path_type=Path), metavar="FILE", help="Say what changed since this --json.")
@click.option(
    "--fail-on",
    "thresholds",
    multiple=True,
    metavar="THRESHOLD",
    help="Exit with 12 when it is broken, such as 'connect.p50>1.2x'; may be repeated.",
)
@click.option(
    "--merge",
    "merged",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Run nothing: show stored --json documents as one report; may be repeated.",
)
@click.option("--environment", metavar="ID", help="Under which the results are merged.  [default: py and its version]")
@click.option("--list", "listed", is_flag=True, help="Run nothing: list the scenarios.")
@click.argument("endpoint", required=False)
@takes_profile(only_beside=("endpoint", "profile"), leave_out=("backend", "protocol", "transport"))
def command(
    endpoint: str | None,
    merged: tuple[Path, ...],
    baseline: Path | None,
    thresholds: tuple[str, ...],
    listed: bool,
    **options: Any,
) -> int:
    """Put every backend to the same work, side by side: how fast each is, and what each says when something fails.

    Without ENDPOINT against a local gateway that it starts itself; with ENDPOINT, give the credentials of connect, or
    all of it with --profile.
    Prints tables and a verdict, and writes the page customauth-comparison.html.

    Exit code 0 when everything ended as its scenario says it should, 7 when something did not. With --fail-on only the
    thresholds count: 0, or 12 when one is broken. Ctrl-C ends it early, with exit code 130: what was measured is
    reported all the same, and says what is missing.
    """
    if listed:
        return _list()
    outputs = compare_files.take_outputs(options)
    limits = _parse(thresholds, has_baseline=baseline is not None)
    before = None if baseline is None else compare_files.read_report(baseline, "--baseline")
    early: ExitCode | None = None
    if merged:
        report = _merged(merged, endpoint, options)
        _check(limits, report.scenarios, _names(report))
    else:
        report, early = _run(endpoint, options, limits)
        if early is not None and not _has_anything(report):
            say("interrupted before anything was measured; nothing is written")
            return early
    judgements = _judged(report, before, limits)
    compare_files.write(report, judgements, outputs)
    if outputs.on_screen:
        from customauth.cli.compare_screen import show

        show(report, before, judgements)
        compare_files.tell(outputs)
    if early is not None:
        _tell_interruption(report)
        return early
    return _code(report, judgements)


def _list() -> int:
    from customauth.cli.compare_screen import show_scenarios
    from customauth.compare import known_scenarios

    show_scenarios(known_scenarios())
    return ExitCode.OK


def _parse(thresholds: tuple[str, ...], *, has_baseline: bool) -> list[Threshold]:
    from customauth.compare.threshold import Threshold, ThresholdError

    try:
        limits = [Threshold.parse(text) for text in thresholds]
    except ThresholdError as error:
        raise _misuse(error) from error
    for limit in limits:
        if limit.needs_baseline and not has_baseline:
            raise Misuse(f"--fail-on {limit} compares with an earlier report", "add --baseline FILE")
    return limits


def _check(limits: list[Threshold], scenarios: Any, backends: list[str]) -> None:
    """Refuse thresholds that nothing could break, before time is spent."""
    from customauth.compare.threshold import ThresholdError

    for limit in limits:
        try:
            limit.check(scenarios, backends)
        except ThresholdError as error:
            raise _misuse(error) from error


def _misuse(error: ValueError) -> Misuse:
    message, _, mend = str(error).rpartition("; ")
    return Misuse(f"--fail-on: {message}", mend)


def _merged(files: tuple[Path, ...], endpoint: str | None, options: dict[str, Any]) -> Report:
    given = [name for name in _RUN_OPTIONS if options[name]]
    if endpoint is not None or given:
        name = "ENDPOINT" if endpoint is not None else f"--{given[0].replace('_', '-').removesuffix('s')}"
        raise Misuse(f"--merge runs nothing, so it takes no {name}", "leave it out")
    first, *others = [compare_files.read_report(file, "--merge") for file in files]
    try:
        return first.merged_with(others)
    except ValueError as error:
        message, _, mend = str(error).rpartition("; ")
        raise Misuse(f"--merge: {message}", mend) from error


def _run(endpoint: str | None, options: dict[str, Any], limits: list[Threshold]) -> tuple[Report, ExitCode | None]:
    from customauth.cli.compare_plan import plan_of
    from customauth.cli.compare_run import run_plan

    plan = plan_of(endpoint, options)
    assert plan.scenarios is not None  # noqa: S101 - they have just been chosen
    _check(limits, plan.scenarios, list(plan.backends))
    return run_plan(plan)


def _judged(report: Report, before: Report | None, limits: list[Threshold]) -> list[Judgement]:
    if not limits:
        return []
    from customauth.compare.baseline import judge

    judgements = judge(report, before, limits)
    for judgement in judgements:
        for line in judgement.lines:
            say(f"broken: {judgement.threshold}: {line}")
    return judgements


def _has_anything(report: Report) -> bool:
    from customauth.compare import State

    return any(cell.state in (State.RUN, State.ERROR) for cell in report.cells)


def _tell_interruption(report: Report) -> None:
    from customauth.compare import State
    from customauth.compare.interruptions import interruptions

    for line in interruptions(report):
        say(line)
    missing = next((cell.scenario for cell in report.cells if cell.state is State.MISSING), None)
    if missing is not None:
        say(f"next: run what is missing by itself, such as: customauth compare --scenario {missing}")


def _code(report: Report, judgements: list[Judgement]) -> ExitCode:
    """Decide the exit code, and say what to do about any but 0."""
    from customauth.compare import State

    if judgements:
        if any(judgement.broken for judgement in judgements):
            say("next: see what is slower or other than before, and mend it, or move the threshold")
            return ExitCode.THRESHOLD
        return ExitCode.OK
    wrong = [
        cell
        for cell in report.cells
        if cell.state is State.ERROR or (cell.behaviour is not None and not cell.behaviour.as_expected)
    ]
    if not wrong:
        return ExitCode.OK
    cell = wrong[0]
    alone = f"customauth compare --backend {cell.backend} --scenario {cell.scenario} -V {cell.version}"
    if cell.transport != Transport.MQTT.value:
        alone += f" --transport {cell.transport}"
    if report.endpoint != "local":
        alone += f" {report.endpoint}, with the same credentials"
    say(f"next: {len(wrong)} of {len(report.cells)} cells did not end as they should; look at one alone: {alone}")
    return ExitCode.REFUSED


def _names(report: Report) -> list[str]:
    from customauth.compare.figures import backends

    return backends(report)

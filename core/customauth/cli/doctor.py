"""``customauth doctor``: why a connection fails, and what to change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.doctor_options import setup_options, take_setup
from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import connect_user_property_option, debug_option, json_option, show_debug
from customauth.cli.profile import takes_profile

if TYPE_CHECKING:
    from customauth.doctor import Check, Plan, Setup

_CODES = {"healthy": ExitCode.OK, "cause found": ExitCode.CAUSE_FOUND, "cannot tell": ExitCode.CANNOT_TELL}


@click.command(context_settings={"show_default": False})
@setup_options
@click.option("--lint-only", is_flag=True, help="Only look at what is given: connect to nothing, ask nobody.")
@click.option("--no-probe", is_flag=True, help="Connect to nothing.")
@click.option(
    "--aws/--no-aws",
    default=None,
    help="Ask AWS what it knows, or not.  [default: where credentials are set]",
)
@click.option("--aws-profile", metavar="NAME", help="Ask with this profile of the AWS configuration.")
@click.option("--region", metavar="NAME", help="Ask in this region.  [default: the endpoint's, or the profile's]")
@click.option("--no-invoke", is_flag=True, help="Do not let AWS run the authorizer's function.")
@click.option("--publish-for-real", is_flag=True, help="Publish an empty message to each topic of --publish.")
@click.option("--bytes", "show_bytes", is_flag=True, help="Show the packets of the probe, secrets masked.")
@connect_user_property_option("--user-property", "--connect-user-property")
@json_option
@debug_option
@click.argument("endpoint", required=False)
@takes_profile()
def command(
    endpoint: str | None,
    lint_only: bool,
    no_probe: bool,
    aws: bool | None,
    aws_profile: str | None,
    region: str | None,
    no_invoke: bool,
    publish_for_real: bool,
    show_bytes: bool,
    as_json: bool,
    debug: bool,
    **options: Any,
) -> int:
    """Find out why a connection fails, and say what to change. Takes the options of connect, wrong ones too.

    It looks at what is sent, connects to ENDPOINT step by step, asks AWS (read-only) where credentials are set, and
    ends with the cause, the evidence and the mend. Without ENDPOINT it only looks. The probe connects with the device's
    client id, which throws the device itself off for that moment; after a refusal without a reason it tries up to three
    mended forms of what is sent, which are logins too.

    Instead of credentials: --from-username-file, --from-query-file or --capture with what the device sends itself.

    Exit codes: 0 nothing wrong found, 13 a cause was found, 14 it fails and the cause cannot be told.
    """
    if debug:
        show_debug()
    if lint_only and aws:
        raise Misuse("--lint-only asks nobody, and --aws asks AWS", "leave out one of them")
    setup = take_setup(options | {"region": region, "aws_profile": aws_profile}, endpoint)
    from customauth.doctor import Asking, Plan, ProbeResult

    not_asked = _why_not_asked(setup, aws, lint_only=lint_only)
    not_probed = "--lint-only" if lint_only else "--no-probe" if no_probe else ""
    plan = Plan(
        result=None if not_probed else ProbeResult(),
        asking=None if not_asked else Asking(region=region, profile=aws_profile, invoke=not no_invoke),
        not_probed=not_probed,
        not_asked=not_asked,
        publish=publish_for_real,
    )
    if as_json:
        return _as_json(setup, plan, show_bytes=show_bytes)
    from customauth.cli.doctor_screen import show

    return _CODES[show(setup, plan, show_bytes=show_bytes).judgement.value]


def _why_not_asked(setup: Setup, aws: bool | None, *, lint_only: bool) -> str:
    """Say why AWS is not asked, empty where it is."""
    if lint_only or aws is False:
        return "--lint-only" if lint_only else "--no-aws"
    if aws:
        return ""
    if setup.endpoint is None:
        return "without ENDPOINT only with --aws"
    from customauth.doctor.report import is_local

    return "ENDPOINT is on this machine; --aws asks all the same" if is_local(setup.endpoint.host) else ""


def _as_json(setup: Setup, plan: Plan, *, show_bytes: bool) -> int:
    """Print the whole examination as one document."""
    import asyncio

    import attrs

    from customauth.doctor import examine, judge
    from customauth.doctor.report import next_step, not_looked_at, ruled_out, would_tell
    from customauth.doctor.showing import shown

    packets: list[dict[str, str]] = []

    def keep(what: str, data: bytes) -> None:
        packets.append({"packet": what, "hex": data.hex()})

    async def all_checks() -> list[Check]:
        return [check async for check in examine(setup, attrs.evolve(plan, trace=keep if show_bytes else None))]

    checks = asyncio.run(all_checks())
    verdict = judge(setup, checks, plan.result)
    code = _CODES[verdict.judgement.value]
    document: dict[str, Any] = {
        "setup": shown(setup),
        "checks": [check.as_json() for check in checks],
        "verdict": verdict.as_json()
        | {
            "ruled_out": ruled_out(setup, checks, plan.result),
            "not_looked_at": not_looked_at(checks),
            "would_tell": would_tell(setup, checks),
            "next": next_step(setup, checks, verdict),
        },
        "exit_code": int(code),
    }
    if show_bytes:
        document["packets"] = packets
    click.echo(json.dumps(document, indent=2))
    return code

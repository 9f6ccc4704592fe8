"""``customauth endpoint``: the account's own endpoint."""

from __future__ import annotations

import json

import click

from customauth.cli.options import json_option
from customauth.cli.profile import takes_profile

# Those of customauth.aws.endpoints, kept here so that --help imports none of it.
_TYPES = ("iot:Data-ATS", "iot:Data", "iot:CredentialProvider", "iot:Jobs")


@click.command()
@click.option("--region", metavar="REGION", help="The region.  [default: that of the profile or of AWS_REGION]")
@click.option("--aws-profile", metavar="NAME", help="The profile of AWS's configuration.  [default: AWS_PROFILE]")
@click.option(
    "--type",
    "kind",
    type=click.Choice(_TYPES, case_sensitive=False),
    default=_TYPES[0],
    show_default=True,
    help="Of which kind; devices connect to iot:Data-ATS.",
)
@json_option
@takes_profile()
def command(region: str | None, aws_profile: str | None, kind: str, as_json: bool) -> None:
    """Ask AWS for the endpoint of the account, as aws iot describe-endpoint does.

    Where a command takes ENDPOINT, aws: and aws:REGION stand for it. Region and AWS profile may come from a profile
    (--profile) or the environment, as CUSTOMAUTH_REGION.
    """
    from customauth.aws.endpoints import describe_endpoint

    found = describe_endpoint(kind, region=region, profile=aws_profile)
    if as_json:
        click.echo(json.dumps({"endpoint": found.host, "type": kind, "region": found.region}, indent=2))
    else:
        click.echo(found.host)

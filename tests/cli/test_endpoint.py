"""``customauth endpoint``, ``aws:`` in the place of an endpoint, and keys of KMS on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_account import Account, serving
from commands import RunningGateway, run
from customauth import AwsError, EndpointError, Feature
from customauth.aws.endpoints import resolve
from customauth.gateway import GatewayConfig
from customauth.signing import verify
from kms_server import ALIAS, KEY_ARN, kms
from needs import needs_backend, needs_feature

REGION = "eu-west-1"
HOST = f"a1b2c3-ats.iot.{REGION}.amazonaws.com"
CONFIG = GatewayConfig(names=(HOST,), region=REGION, account="123456789012", authorizers={})
TOKEN = "open-sesame"
NOTHING = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_DEFAULT_REGION": "",
    "AWS_REGION": "",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """Serve an account, and return the environment that leads to it."""
    with serving(Account(CONFIG)) as environment:
        yield NOTHING | environment


def test_the_accounts_own_endpoint_is_printed_alone(account: dict[str, str]) -> None:
    result = run("endpoint", env=account)
    assert (result.code, result.stdout, result.stderr) == (0, f"{HOST}\n", "")


def test_another_type_and_json(account: dict[str, str]) -> None:
    result = run("endpoint", "--type", "iot:CredentialProvider", "--region", REGION, "--json", env=account)
    assert result.json() == {
        "endpoint": f"ca1b2c3.credentials.iot.{REGION}.amazonaws.com",
        "type": "iot:CredentialProvider",
        "region": REGION,
    }


def test_the_region_of_the_aws_cli_counts_here_too(account: dict[str, str]) -> None:
    result = run("endpoint", "--json", env=account | {"AWS_DEFAULT_REGION": "", "AWS_REGION": "eu-north-1"})
    assert result.json()["region"] == "eu-north-1"


@pytest.mark.parametrize(
    ("changed", "words", "error", "step"),
    [
        ({}, [], "error: no AWS region is set", "set AWS_REGION"),
        ({}, ["--region", REGION], "error: there are no AWS credentials", "run aws configure, or set AWS_PROFILE"),
        ({}, ["--aws-profile", "nobody"], "error: there is no such AWS profile", "correct the name"),
    ],
)
def test_what_is_missing_is_told_with_the_next_step(
    changed: dict[str, str], words: list[str], error: str, step: str
) -> None:
    result = run("endpoint", *words, env=NOTHING | changed)
    assert result.code == 2
    assert result.stderr.startswith(f"{error}\n")
    assert result.last.startswith("next: ")
    assert result.last.endswith(step)


def test_without_boto3_the_pip_command_is_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "boto3.py").write_text("raise ImportError")
    result = run("endpoint", env=NOTHING | {"PYTHONPATH": str(tmp_path)})
    assert (result.code, result.last) == (2, 'next: run: pip install "customauth[aws]"')


def test_a_missing_permission_is_told() -> None:
    with serving(Account(CONFIG, denied=("iot:DescribeEndpoint",))) as environment:
        result = run("endpoint", env=NOTHING | environment)
    assert result.code == 4
    assert result.stderr.startswith("error: DescribeEndpoint is not permitted\n")
    assert result.last == "next: allow it to the identity of the AWS credentials"


# What a profile says of it


@pytest.fixture
def profiled(account: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Return the environment that leads to the account and to a profile with a region, and to no other region."""
    (tmp_path / "config.toml").write_text(
        f'[profiles.work]\nregion = "{REGION}"\nendpoint = "aws:"\nport = 8443\nbackend = "paho"\n'
        '[profiles.nobody]\nregion = "eu-west-1"\naws_profile = "nobody"\n'
    )
    return account | {
        "CUSTOMAUTH_CONFIG": str(tmp_path / "config.toml"),
        "AWS_DEFAULT_REGION": "",
        "AWS_REGION": "",
    }


def test_the_region_comes_from_the_profile_unless_something_overrules_it(profiled: dict[str, str]) -> None:
    words = ["endpoint", "--profile", "work", "--json"]
    assert run(*words, env=profiled).json() == {"endpoint": HOST, "type": "iot:Data-ATS", "region": REGION}
    elsewhere = profiled | {"CUSTOMAUTH_REGION": "eu-north-1"}
    assert run(*words, env=elsewhere).json()["region"] == "eu-north-1"
    assert run(*words, "--region", "eu-south-1", env=elsewhere).json()["region"] == "eu-south-1"


def test_the_aws_profile_comes_from_the_profile_too(profiled: dict[str, str]) -> None:
    result = run("endpoint", env=profiled | {"CUSTOMAUTH_PROFILE": "nobody"})
    assert (result.code, result.stderr.partition("\n")[0]) == (2, "error: there is no such AWS profile")


def test_a_profile_that_does_not_exist_is_told(profiled: dict[str, str]) -> None:
    result = run("endpoint", "--profile", "absent", env=profiled)
    assert result.code == 2
    assert "absent" in result.stderr


@needs_backend
@pytest.mark.parametrize("command", [["connect"], ["doctor", "--no-aws"]])
def test_aws_is_asked_in_the_region_of_the_profile(command: list[str], profiled: dict[str, str]) -> None:
    words = [*command, "--profile", "work", "--authorizer", "a", "--username", "u"]
    result = run(*words, "--address", "127.0.0.1:1", "--timeout", "2", env=profiled)
    assert HOST in result.stdout, result.stderr
    told = run(*words, "--address", "127.0.0.1:1", env=profiled | {"CUSTOMAUTH_AWS_PROFILE": "nobody"})
    assert told.stderr.startswith("error: there is no such AWS profile")


def test_the_doctor_asks_for_the_endpoint_in_its_own_region(account: dict[str, str]) -> None:
    environment = account | {"AWS_DEFAULT_REGION": "", "AWS_REGION": ""}
    words = ["doctor", "--lint-only", "--region", REGION, "--authorizer", "a", "--username", "u"]
    assert HOST in run(*words, "aws:", env=environment).stdout
    told = run(*words, "--aws-profile", "nobody", "aws:", env=environment)
    assert told.stderr.startswith("error: there is no such AWS profile")


# aws: in the place of an endpoint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aws:", HOST),
        (f"aws:{REGION}", HOST),
        (f"aws:{REGION}:8443", f"{HOST}:8443"),
        ("aws::8443", f"{HOST}:8443"),
        ("wss://aws:", f"wss://{HOST}"),
        (f"wss://aws:{REGION}:443/mqtt", f"wss://{HOST}:443/mqtt"),
    ],
)
def test_aws_stands_for_the_accounts_own_endpoint(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch, text: str, expected: str
) -> None:
    for name, value in account.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    assert resolve(text) == expected


@pytest.mark.parametrize("text", ["aws:nowhere", "aws:eu-west-1?x", "aws:EU-WEST-1", "wss://aws:eu/mqtt"])
def test_what_is_no_region_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(EndpointError, match="write aws: or aws:REGION"):
        resolve(text)


@needs_feature(Feature.ADDRESS)
def test_connect_reaches_the_endpoint_that_aws_tells(
    account: dict[str, str], sample: RunningGateway, signed: list[str]
) -> None:
    port = sample.port
    words = [word for word in signed if word != sample.endpoint]
    result = run(*words, "--address", f"127.0.0.1:{port}", f"aws:{REGION}", env=account)
    assert f" to {HOST}:443," in result.stdout
    assert result.code == 5, "the gateway's certificate is for its own names"


def test_an_endpoint_that_aws_does_not_tell_is_not_dialled() -> None:
    result = run("connect", "aws:", env=NOTHING)
    assert result.code == 2
    assert result.stdout == ""
    assert result.last.startswith("next: ")


def test_an_error_of_aws_is_one_of_customauths(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NOTHING.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AwsError):
        resolve("aws:")


# Keys of KMS


def test_a_token_is_signed_with_a_key_of_kms() -> None:
    with kms() as server:
        result = run("sign", "--key", f"kms:{KEY_ARN}", "--token", TOKEN, env=NOTHING | server.environment)
    assert result.code == 0, result.stderr
    assert verify(TOKEN, result.stdout.strip(), server.pair.public_pem)


def test_the_user_name_of_a_device_is_signed_with_a_key_of_kms() -> None:
    with kms() as server:
        words = ["--authorizer", "pumps", "--token-key-name", "token", "--token", TOKEN, "--sign-with", f"kms:{ALIAS}"]
        result = run("username", *words, "--json", env=NOTHING | server.environment)
    assert result.code == 0, result.stderr
    assert server.asked == [("Sign", "eu-central-1")]


def test_a_key_that_kms_does_not_have_is_told() -> None:
    with kms() as server:
        result = run("sign", "--key", "kms:alias/other", "--token", TOKEN, env=NOTHING | server.environment)
    assert result.code == 2
    assert "the KMS key alias/other cannot be used (NotFoundException)" in result.stderr
    assert "check its id or alias, and the region" in result.stderr

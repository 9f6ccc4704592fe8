"""What the doctor asks of AWS, from credentials to domain configuration, and how it goes on without an answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from customauth import Endpoint
from customauth.doctor.aws import ask_aws
from customauth.doctor.finding import Certainty, Outcome
from stubbed_aws import (
    CALLER,
    HOST,
    NAME,
    NOW,
    PASSWORD,
    REGION,
    TOKEN,
    StubbedAccount,
    answer,
    authorizer,
    by_name,
    findings,
    healthy,
    healthy_function,
    quiet_logs,
    rules,
    setup_of,
    signed,
    unsigned,
    with_password,
)

DENIED = "AccessDeniedException"


@pytest.fixture(autouse=True)
def no_aws_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


# Nothing wrong


def test_a_healthy_signed_set_up_has_no_finding(account: StubbedAccount) -> None:
    healthy(account)
    account.answers("iot", "test_invoke_authorizer", answer())
    checks = account.checks(setup_of(signed()))
    assert rules(checks) == []
    assert {check.outcome for check in checks} == {Outcome.PASSED}
    assert all(check.seconds is not None for check in checks)


def test_a_healthy_password_has_no_finding(account: StubbedAccount) -> None:
    setup = setup_of(with_password(), username=f"pump-7?x-amz-customauthorizer-name={NAME}&SDK=PythonV2&Version=1")
    healthy(account, described=unsigned())
    account.answers(
        "iot",
        "test_invoke_authorizer",
        answer(),
        {
            "authorizerName": NAME,
            "mqttContext": {"username": setup.username, "password": PASSWORD, "clientId": "pump-7"},
            "tlsContext": {"serverName": HOST},
        },
    )
    assert rules(account.checks(setup)) == []


def test_without_invoking_the_function_everything_else_is_asked(account: StubbedAccount) -> None:
    healthy(account)
    checks = by_name(account.checks(setup_of(signed()), invoke=False))
    assert checks["test-invoke-authorizer"].outcome is Outcome.SKIPPED
    assert "switched off" in checks["test-invoke-authorizer"].detail
    assert checks["signature"].outcome is Outcome.PASSED


# What is missing to ask


def test_without_credentials_one_skipped_check_says_what_to_do() -> None:
    (check,) = ask_aws(setup_of(signed()))
    assert (check.name, check.outcome) == ("AWS", Outcome.SKIPPED)
    assert check.detail == (
        "nothing was asked: there are no AWS credentials; run aws configure, or set AWS_PROFILE or --aws-profile"
    )


def test_without_a_region_one_skipped_check_says_what_to_do() -> None:
    setup = setup_of(signed(), endpoint=Endpoint.parse("iot.example.com"))
    (check,) = ask_aws(setup)
    assert check.detail == "nothing was asked: no AWS region is set; add --region, or set AWS_REGION"


def test_an_unknown_profile_is_told() -> None:
    (check,) = ask_aws(setup_of(signed()), profile="nobody")
    assert "there is no such AWS profile" in check.detail


def test_without_boto3_the_pip_command_is_told() -> None:
    program = """
import sys
sys.modules["boto3"] = None
from customauth.doctor.aws import ask_aws
from customauth.doctor.setup import Setup
for check in ask_aws(Setup()):
    print(check.outcome.value, check.detail)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == 'skipped nothing was asked: boto3 is not installed; run: pip install "customauth[aws]"\n'


def test_the_region_is_the_one_in_the_endpoints_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from customauth.doctor.aws.clients import AwsClients

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    setup = setup_of(signed())
    china = setup_of(signed(), endpoint=Endpoint.parse("a.ats.iot.cn-north-1.amazonaws.com.cn"))
    own = setup_of(signed(), endpoint=Endpoint.parse("iot.example.com"))
    opened = [AwsClients.open(each) for each in (setup, china, own)]
    assert [(each.region, each.home) for each in opened] == [
        (REGION, "us-east-1"),
        ("cn-north-1", "us-east-1"),
        ("us-east-1", "us-east-1"),
    ]
    assert AwsClients.open(setup, region="eu-central-1").region == "eu-central-1"


def test_every_missing_permission_is_named_and_the_rest_is_asked(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.refuses("iot", "describe_endpoint", DENIED, status=403)
    account.answers("iot", "describe_authorizer", authorizer())
    for operation in ("get_function_configuration", "get_function_concurrency", "get_policy"):
        account.refuses("lambda", operation, DENIED, status=403)
    for _ in range(2):
        account.refuses("logs", "filter_log_events", DENIED, status=400)
    account.refuses("iot", "test_invoke_authorizer", DENIED, status=403)
    checks = account.checks(setup_of(signed()))
    skipped = [check.detail.partition(" ")[0] for check in checks if check.outcome is Outcome.SKIPPED]
    assert skipped == [
        "iot:DescribeEndpoint",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionConcurrency",
        "lambda:GetPolicy",
        "logs:FilterLogEvents",
        "logs:FilterLogEvents",
        "iot:TestInvokeAuthorizer",
    ]
    assert rules(checks) == []


def test_credentials_that_have_expired_end_the_asking(account: StubbedAccount) -> None:
    account.refuses("sts", "get_caller_identity", "ExpiredToken", status=403)
    (check,) = account.checks(setup_of(signed()))
    assert check.outcome is Outcome.SKIPPED
    assert "renew the AWS credentials" in check.detail
    assert check.detail.endswith("nothing further was asked of AWS")


# The endpoint


def test_an_endpoint_of_another_account_is_told_with_this_accounts_own(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": f"zzz-ats.iot.{REGION}.amazonaws.com"})
    account.answers("iot", "describe_endpoint", {"endpointAddress": f"zzz.iot.{REGION}.amazonaws.com"})
    account.answers("iot", "list_domain_configurations", {"domainConfigurations": []})
    account.answers("iot", "describe_authorizer", authorizer())
    checks = account.checks(setup_of(signed()), probe_connected=False)
    assert rules(checks) == [("endpoint-of-another-account", Certainty.LIKELY)]
    assert findings(checks)[0].facts["endpoint"] == f"zzz-ats.iot.{REGION}.amazonaws.com"


def test_an_endpoint_that_let_the_device_in_only_shows_that_the_aws_credentials_are_anothers(
    account: StubbedAccount,
) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": "zzz-ats"})
    account.answers("iot", "describe_endpoint", {"endpointAddress": "zzz"})
    account.answers("iot", "list_domain_configurations", {"domainConfigurations": []})
    checks = account.checks(setup_of(signed()), probe_connected=True)
    assert rules(checks) == []
    assert "of another account; give --aws-profile" in checks[-1].detail


def test_the_endpoint_of_the_credentials_provider_is_no_data_endpoint(account: StubbedAccount) -> None:
    host = f"c1.credentials.iot.{REGION}.amazonaws.com"
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_endpoint", {"endpointAddress": "a1b2c3.iot"})
    account.answers("iot", "describe_endpoint", {"endpointAddress": host}, {"endpointType": "iot:CredentialProvider"})
    checks = account.checks(setup_of(signed(), endpoint=Endpoint.parse(host)))
    assert rules(checks) == [("endpoint-not-data", Certainty.CERTAIN)]


def test_the_old_endpoint_is_a_warning_and_the_rest_is_asked(account: StubbedAccount) -> None:
    host = f"a1b2c3.iot.{REGION}.amazonaws.com"
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_endpoint", {"endpointAddress": host}, {"endpointType": "iot:Data"})
    account.answers("iot", "describe_authorizer", authorizer())
    healthy_function(account)
    checks = account.checks(setup_of(signed(), endpoint=Endpoint.parse(host)), invoke=False)
    assert rules(checks) == [("endpoint-not-data", Certainty.POSSIBLE)]


DOMAIN = "iot.example.com"


def configured(account: StubbedAccount, **changed: Any) -> None:
    """Prepare a domain configuration of the endpoint's name, the second of two pages."""
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})
    account.answers("iot", "describe_endpoint", {"endpointAddress": "a1b2c3.iot"})
    listed = [{"domainConfigurationName": name} for name in ("iot:Data-ATS", "pumps-domain")]
    account.answers(
        "iot", "list_domain_configurations", {"domainConfigurations": listed[:1], "nextMarker": "bWFyaw=="}, {}
    )
    account.answers("iot", "list_domain_configurations", {"domainConfigurations": listed[1:]}, {"marker": "bWFyaw=="})
    account.answers(
        "iot", "describe_domain_configuration", {"domainName": HOST}, {"domainConfigurationName": "iot:Data-ATS"}
    )
    found = {
        "domainConfigurationName": "pumps-domain",
        "domainName": DOMAIN,
        "domainConfigurationStatus": "ENABLED",
        "serviceType": "DATA",
        "authenticationType": "CUSTOM_AUTH",
        "applicationProtocol": "SECURE_MQTT",
        "authorizerConfig": {"defaultAuthorizerName": NAME, "allowAuthorizerOverride": False},
    }
    account.answers(
        "iot", "describe_domain_configuration", found | changed, {"domainConfigurationName": "pumps-domain"}
    )
    account.answers("iot", "describe_authorizer", authorizer(), {"authorizerName": NAME})
    healthy_function(account)


@pytest.mark.fact("A58", "A60")
def test_the_default_authorizer_of_a_domain_decides_for_a_device_that_names_none(account: StubbedAccount) -> None:
    configured(account)
    setup = setup_of(signed(authorizer=None), endpoint=Endpoint.parse(DOMAIN))
    checks = account.checks(setup, invoke=False)
    assert rules(checks) == []
    assert "the default of domain configuration pumps-domain" in by_name(checks)["authorizer"].detail


@pytest.mark.parametrize(("probe_connected", "certainty"), [(False, Certainty.CERTAIN), (None, Certainty.LIKELY)])
@pytest.mark.fact("A58", "A59")
def test_a_name_that_the_domain_ignores_is_told(
    account: StubbedAccount, probe_connected: bool | None, certainty: Certainty
) -> None:
    configured(account)
    setup = setup_of(signed(authorizer="mine"), endpoint=Endpoint.parse(DOMAIN))
    checks = account.checks(setup, invoke=False, probe_connected=probe_connected)
    assert rules(checks) == [("override-not-allowed", certainty)]
    assert findings(checks)[0].facts["default"] == NAME


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"domainConfigurationStatus": "DISABLED"}, "domain-disabled"),
        ({"authenticationType": "AWS_X509"}, "domain-wrong-type"),
        ({"authenticationType": "AWS_SIGV4", "applicationProtocol": "MQTT_WSS"}, "domain-wrong-type"),
        ({"applicationProtocol": "MQTT_WSS"}, "domain-wrong-type"),
        ({"applicationProtocol": "HTTPS"}, "domain-wrong-type"),
        ({"authenticationType": "CUSTOM_AUTH_X509"}, "client-certificate-needed"),
        ({"serviceType": "JOBS"}, "endpoint-not-data"),
    ],
)
@pytest.mark.fact("A53", "A54", "A61", "A63")
def test_what_is_wrong_with_a_domain_configuration_is_told(
    account: StubbedAccount, changed: dict[str, str], rule: str
) -> None:
    configured(account, **changed)
    setup = setup_of(signed(), endpoint=Endpoint.parse(DOMAIN))
    assert rules(account.checks(setup, invoke=False)) == [(rule, Certainty.CERTAIN)]


def test_a_websocket_on_a_domain_for_websockets_is_right(account: StubbedAccount) -> None:
    configured(account, applicationProtocol="MQTT_WSS")
    setup = setup_of(signed(), endpoint=Endpoint.parse(f"wss://{DOMAIN}"))
    assert rules(account.checks(setup, invoke=False)) == []


# The authorizer


def beginning(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_endpoint", {"endpointAddress": HOST})


def test_an_authorizer_that_does_not_exist_is_named(account: StubbedAccount) -> None:
    beginning(account)
    account.refuses("iot", "describe_authorizer", "ResourceNotFoundException", status=404)
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")
    checks = account.checks(setup_of(signed()))
    assert rules(checks) == [("authorizer-not-found", Certainty.CERTAIN)]
    assert findings(checks)[0].evidence == f"there is no authorizer {NAME} in {REGION}"


def test_an_authorizer_of_another_region_is_found_there(account: StubbedAccount) -> None:
    account.home = "us-east-1"
    beginning(account)
    account.refuses("iot", "describe_authorizer", "ResourceNotFoundException", status=404)
    account.answers("iot", "describe_authorizer", authorizer(), region="us-east-1")
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")
    (finding,) = findings(account.checks(setup_of(signed())))
    assert finding.evidence.endswith("there is one in us-east-1, the region of the AWS profile")


@pytest.mark.fact("A60")
def test_without_a_name_and_a_default_none_decides(account: StubbedAccount) -> None:
    beginning(account)
    account.refuses("iot", "describe_default_authorizer", "ResourceNotFoundException", status=404)
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")
    checks = account.checks(setup_of(signed(authorizer=None)))
    assert rules(checks) == [("authorizer-not-named", Certainty.CERTAIN)]


@pytest.mark.fact("A60")
def test_without_a_name_the_accounts_default_decides(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("iot", "describe_default_authorizer", authorizer(), {})
    healthy_function(account)
    assert rules(account.checks(setup_of(signed(authorizer=None)), invoke=False)) == []


@pytest.mark.fact("B9")
def test_an_inactive_authorizer_is_told_with_the_command(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("iot", "describe_authorizer", authorizer(status="INACTIVE"))
    healthy_function(account)
    checks = account.checks(setup_of(signed()), invoke=False)
    assert rules(checks) == [("authorizer-inactive", Certainty.CERTAIN)]
    assert findings(checks)[0].facts["authorizer"] == NAME


def test_a_name_that_no_authorizer_has_is_not_asked_for(account: StubbedAccount) -> None:
    beginning(account)
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")
    username = f"pump-7?x-amz-customauthorizer-name=pumps;token={TOKEN}"
    setup = setup_of(with_password(), username=username)
    checks = account.checks(setup)
    assert rules(checks) == [("authorizer-not-found", Certainty.CERTAIN)]
    assert TOKEN not in str(checks)
    assert TOKEN not in str([finding.facts for finding in findings(checks)])


# Secrets


def test_no_check_shows_a_secret(account: StubbedAccount) -> None:
    healthy(account)
    said = f"Lambda function encountered error in execution: no {TOKEN} and {PASSWORD.decode()}: KeyError"
    account.refuses("iot", "test_invoke_authorizer", "InvalidResponseException", said)
    setup = setup_of(signed(password=PASSWORD))
    checks = account.checks(setup)
    shown = f"{checks} {[finding.facts for finding in findings(checks)]} {[f.as_json() for f in findings(checks)]}"
    assert TOKEN not in shown
    assert PASSWORD.decode() not in shown
    assert setup.parts.signature is not None
    assert setup.parts.signature not in shown
    assert rules(checks) == [("function-error", Certainty.CERTAIN)]


def test_an_address_in_the_place_of_a_name_is_skipped(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_authorizer", authorizer())
    healthy_function(account)
    setup = setup_of(signed(), endpoint=Endpoint.parse("192.0.2.1"))
    checks = by_name(account.checks(setup, invoke=False))
    assert checks["endpoint"].outcome is Outcome.SKIPPED


def test_credentials_alone_are_asked_about_without_an_endpoint(account: StubbedAccount) -> None:
    account.answers("sts", "get_caller_identity", CALLER)
    account.answers("iot", "describe_authorizer", authorizer())
    healthy_function(account)
    account.answers("iot", "test_invoke_authorizer", answer())
    assert rules(account.checks(evolve(setup_of(signed()), endpoint=None))) == []


def test_the_time_by_which_logs_are_read_is_that_of_the_examination(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("iot", "describe_authorizer", authorizer())
    account.answers("lambda", "get_function_configuration", {})
    account.answers("lambda", "get_function_concurrency", {})
    account.refuses("lambda", "get_policy", DENIED)
    end = int(NOW.timestamp() * 1000)
    account.answers(
        "logs",
        "filter_log_events",
        {"events": []},
        {
            "logGroupName": "/aws/lambda/pumps-authorizer",
            "startTime": end - 900_000,
            "endTime": end,
            "filterPattern": '?ERROR ?Error ?Exception ?"Task timed out"',
            "limit": 20,
        },
    )
    account.refuses("logs", "filter_log_events", "ResourceNotFoundException")
    account.checks(setup_of(signed()), invoke=False)


def test_logs_that_cannot_be_read_are_quietly_left_out(account: StubbedAccount) -> None:
    beginning(account)
    account.answers("iot", "describe_authorizer", unsigned())
    account.answers("lambda", "get_function_configuration", {})
    account.answers("lambda", "get_function_concurrency", {})
    account.refuses("lambda", "get_policy", DENIED)
    quiet_logs(account)
    account.answers("iot", "test_invoke_authorizer", answer())
    assert rules(account.checks(setup_of(with_password()))) == []

"""The operations of the account on this machine: what each answers. See ``aws_account``."""

from __future__ import annotations

import asyncio
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import customauth.gateway.invoking as invoking
from aws_account_lambda import NotInvoked
from aws_account_wire import Call, Refused
from customauth.authorizer import MqttContext, TlsContext
from customauth.gateway.config import DEFAULT_ENDPOINT, Authorizer, DomainConfiguration
from customauth.gateway.invoke_request import HttpTestContext, ServiceError, TestRequest

if TYPE_CHECKING:
    from aws_account import Account

_WHEN = datetime.datetime(2025, 11, 3, 9, 30, tzinfo=datetime.UTC)
_DATA_ENDPOINT = re.compile(r"(?P<prefix>[^.]+?)(?P<ats>-ats)?\.iot\.(?P<region>[^.]+)\.amazonaws\.com")


def _caller(account: Account, call: Call) -> Mapping[str, Any]:
    own = account.config.account
    return {"UserId": "AIDAEXAMPLE", "Account": own, "Arn": account.caller}


def _endpoint(account: Account, call: Call) -> Mapping[str, Any]:
    found = _DATA_ENDPOINT.fullmatch(account.config.names[0])
    if found is None:
        return {"endpointAddress": account.config.names[0]}
    ends = {
        "iot:Data-ATS": "{0}-ats.iot.{1}.amazonaws.com",
        "iot:Data": "{0}.iot.{1}.amazonaws.com",
        "iot:CredentialProvider": "c{0}.credentials.iot.{1}.amazonaws.com",
        "iot:Jobs": "{0}.jobs.iot.{1}.amazonaws.com",
    }
    kind = call.parameters.get("endpointType", "iot:Data")
    if kind not in ends:
        raise Refused("InvalidRequestException", f"Endpoint Type: {kind} does not exist.")
    return {"endpointAddress": ends[kind].format(found["prefix"], call.region)}


def _authorizer(account: Account, call: Call) -> Authorizer:
    name = call.parameters["authorizerName"]
    if call.region != account.config.region or name not in account.config.authorizers:
        raise Refused("ResourceNotFoundException", f"Authorizer {name} not found")
    return account.config.authorizers[name]


def _description(account: Account, authorizer: Authorizer) -> Mapping[str, Any]:
    """Describe an authorizer (G9)."""
    described: dict[str, Any] = {
        "authorizerName": authorizer.name,
        "authorizerArn": account.authorizer_arn(authorizer),
        "authorizerFunctionArn": account.config.function_arn(authorizer),
        "status": "ACTIVE" if authorizer.active else "INACTIVE",
        "creationDate": _WHEN,
        "lastModifiedDate": _WHEN,
        "signingDisabled": authorizer.signing_disabled,
        "enableCachingForHttp": authorizer.enable_caching_for_http,
    }
    if authorizer.token_key_name is not None:
        described["tokenKeyName"] = authorizer.token_key_name
    if authorizer.public_keys:
        described["tokenSigningPublicKeys"] = {
            name: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            for name, key in authorizer.public_keys.items()
        }
    return {"authorizerDescription": described}


def _list_authorizers(account: Account, call: Call) -> Mapping[str, Any]:
    here = account.config.authorizers.values() if call.region == account.config.region else ()
    wanted = call.parameters.get("status")
    return {
        "authorizers": [
            {"authorizerName": one.name, "authorizerArn": account.authorizer_arn(one)}
            for one in here
            if wanted is None or wanted == ("ACTIVE" if one.active else "INACTIVE")
        ]
    }


def _default_authorizer(account: Account, call: Call) -> Mapping[str, Any]:
    name = account.config.default_authorizer
    if name is None or call.region != account.config.region:
        raise Refused("ResourceNotFoundException", "Default authorizer not found")
    return _description(account, account.config.authorizers[name])


def _domains(account: Account, call: Call) -> Iterator[DomainConfiguration]:
    if call.region == account.config.region:
        yield DomainConfiguration(name=DEFAULT_ENDPOINT, server_name=account.config.names[0])
        yield from account.config.domain_configurations


def _domain_arn(account: Account, domain: DomainConfiguration) -> str:
    return account.config.arn(f"domainconfiguration/{domain.name}/1a2b3c")


def _list_domains(account: Account, call: Call) -> Mapping[str, Any]:
    return {
        "domainConfigurations": [
            {
                "domainConfigurationName": domain.name,
                "domainConfigurationArn": _domain_arn(account, domain),
                "serviceType": "DATA",
            }
            for domain in _domains(account, call)
        ]
    }


def _domain(account: Account, call: Call) -> Mapping[str, Any]:
    name = call.parameters["domainConfigurationName"]
    domain = next((one for one in _domains(account, call) if one.name == name), None)
    if domain is None:
        raise Refused("ResourceNotFoundException", f"Domain configuration {name} not found")
    described: dict[str, Any] = {
        "domainConfigurationName": domain.name,
        "domainConfigurationArn": _domain_arn(account, domain),
        "domainName": domain.server_name,
        "domainConfigurationStatus": "ENABLED" if domain.enabled else "DISABLED",
        "serviceType": "DATA",
        "domainType": "ENDPOINT" if domain.name == DEFAULT_ENDPOINT else "CUSTOMER_MANAGED",
        "authenticationType": domain.authentication_type.value,
        "applicationProtocol": domain.application_protocol.value,
    }
    if domain.default_authorizer is not None:
        described["authorizerConfig"] = {
            "defaultAuthorizerName": domain.default_authorizer,
            "allowAuthorizerOverride": domain.allow_authorizer_override,
        }
    return described


def _test_invoke(account: Account, call: Call) -> Mapping[str, Any]:
    authorizer, given = _authorizer(account, call), call.parameters
    http, mqtt, tls = (given.get(f"{name}Context") for name in ("http", "mqtt", "tls"))
    request = TestRequest(
        authorizer=authorizer.name,
        token=given.get("token"),
        token_signature=given.get("tokenSignature"),
        http=http and HttpTestContext(headers=http.get("headers"), query_string=http.get("queryString")),
        mqtt=mqtt
        and MqttContext(username=mqtt.get("username"), password=mqtt.get("password"), client_id=mqtt.get("clientId")),
        tls=tls and TlsContext(server_name=tls.get("serverName")),
    )
    try:
        return asyncio.run(invoking.test_invoke(account.config, account.runtimes, request)).as_json()
    except ServiceError as error:
        if isinstance(error.__cause__, NotInvoked):
            # What AWS says then is not known; of the errors that the model has for it this one says least.
            raise Refused("UnauthorizedException", None) from error
        raise Refused(error.code, error.text) from error


def _lambda(account: Account, call: Call) -> Authorizer:
    """Find the authorizer of a function that is named by its name or its ARN."""
    asked = call.parameters["FunctionName"]
    arn = (
        asked if asked.startswith("arn:") else f"arn:aws:lambda:{call.region}:{account.config.account}:function:{asked}"
    )
    try:
        authorizer = account.authorizer_of(arn)
    except KeyError:
        authorizer = None
    if authorizer is None or not account.lambda_of(authorizer).exists or call.region != account.config.region:
        raise Refused("ResourceNotFoundException", f"Function not found: {arn}")
    return authorizer


def _function_configuration(account: Account, call: Call) -> dict[str, Any]:
    authorizer = _lambda(account, call)
    function, arn = account.lambda_of(authorizer), account.config.function_arn(authorizer)
    return {
        "FunctionName": arn.rpartition(":")[2],
        "FunctionArn": arn,
        "Runtime": "python3.13",
        "Handler": "authorizer.handler",
        "Timeout": function.timeout,
        "MemorySize": authorizer.memory_size,
        "State": function.state,
        "LastUpdateStatus": "Successful",
        "LastModified": _WHEN.isoformat(),
        "Version": "$LATEST",
    }


def _function(account: Account, call: Call) -> Mapping[str, Any]:
    return {"Configuration": _function_configuration(account, call)} | (
        {"Concurrency": concurrency} if (concurrency := _concurrency(account, call)) else {}
    )


def _concurrency(account: Account, call: Call) -> dict[str, Any]:
    reserved = account.lambda_of(_lambda(account, call)).concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def _policy(account: Account, call: Call) -> Mapping[str, Any]:
    statements = account.statements(_lambda(account, call))
    if not statements:
        raise Refused("ResourceNotFoundException", "The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return {"Policy": json.dumps(policy), "RevisionId": "1a2b3c"}


def _log_events(account: Account, call: Call) -> Mapping[str, Any]:
    given = call.parameters
    group = given.get("logGroupName", "")
    if group not in account.log:
        raise Refused("ResourceNotFoundException", "The specified log group does not exist.")
    events = [
        {"logStreamName": "2025/11/03/[$LATEST]1a2b3c", "timestamp": when, "ingestionTime": when, "message": message}
        for when, message in account.log[group]
        if given.get("startTime", 0) <= when <= given.get("endTime", when)
    ]
    return {"events": events[: given.get("limit", 10_000)], "searchedLogStreams": []}


def _log_groups(account: Account, call: Call) -> Mapping[str, Any]:
    prefix = call.parameters.get("logGroupNamePrefix", "")
    return {"logGroups": [{"logGroupName": name} for name in account.log if name.startswith(prefix)]}


OPERATIONS = {
    "sts:GetCallerIdentity": _caller,
    "iot:DescribeEndpoint": _endpoint,
    "iot:DescribeAuthorizer": lambda account, call: _description(account, _authorizer(account, call)),
    "iot:DescribeDefaultAuthorizer": _default_authorizer,
    "iot:ListAuthorizers": _list_authorizers,
    "iot:ListDomainConfigurations": _list_domains,
    "iot:DescribeDomainConfiguration": _domain,
    "iot:TestInvokeAuthorizer": _test_invoke,
    "lambda:GetFunctionConfiguration": _function_configuration,
    "lambda:GetFunction": _function,
    "lambda:GetFunctionConcurrency": _concurrency,
    "lambda:GetPolicy": _policy,
    "logs:FilterLogEvents": _log_events,
    "logs:DescribeLogGroups": _log_groups,
}

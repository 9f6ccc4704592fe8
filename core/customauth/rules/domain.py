"""The endpoint and its domain configuration."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import CLOSED_AFTER_TLS, REFUSED_UNASKED

_DESCRIBE_ENDPOINT = "aws iot describe-endpoint --endpoint-type iot:Data-ATS< --region {region}>"
_DESCRIBE = "aws iot describe-domain-configuration: "

DOMAIN: tuple[Rule, ...] = (
    Rule(
        key="domain-disabled",
        phase=Phase.DOMAIN,
        cause="the endpoint's domain configuration is DISABLED",
        symptom=f"{REFUSED_UNASKED}; or the TLS handshake fails",
        check=f"{_DESCRIBE}domainConfigurationStatus",
        cure="set the status of <domain configuration {domain_configuration}|the domain configuration> to "
        '"ENABLED", or connect to another name',
        command="aws iot update-domain-configuration --domain-configuration-name {domain_configuration} "
        "--domain-configuration-status ENABLED",
        sources=("A61", "F14"),
    ),
    Rule(
        key="domain-wrong-protocol",
        phase=Phase.DOMAIN,
        cause="the domain configuration's application protocol is another than the client speaks",
        symptom=f"{CLOSED_AFTER_TLS}; or every login is refused",
        check=f"{_DESCRIBE}applicationProtocol",
        cure="use <{served}|the application protocol of the domain configuration> with this name, or change its "
        "application protocol (A54)",
        command="aws iot update-domain-configuration --domain-configuration-name {domain_configuration} "
        "--application-protocol <{application_protocol}|SECURE_MQTT>",
        sources=("A53", "A54", "A55"),
    ),
    Rule(
        key="domain-wrong-type",
        phase=Phase.DOMAIN,
        cause="the domain configuration's authentication type or application protocol is not for this connection",
        symptom=f"{CLOSED_AFTER_TLS}; or every login is refused",
        check=f"{_DESCRIBE}authenticationType and applicationProtocol",
        cure="connect to a name with custom authentication for <{protocol}|this protocol>, or give "
        "<domain configuration {domain_configuration}|the domain configuration> the authentication type CUSTOM_AUTH"
        "< and the application protocol {application_protocol}> (A54)",
        command="aws iot update-domain-configuration --domain-configuration-name {domain_configuration} "
        "--authentication-type CUSTOM_AUTH --application-protocol <{application_protocol}|SECURE_MQTT>",
        sources=("A53", "A54", "A55", "A63"),
    ),
    Rule(
        key="endpoint-of-another-account",
        phase=Phase.DOMAIN,
        cause="the endpoint is not one of this account and region",
        symptom=REFUSED_UNASKED,
        check="compare the endpoint with aws iot describe-endpoint and the account's domain configurations",
        cure="connect to this account's endpoint<, {endpoint}>, or ask with the AWS credentials of the account that "
        "owns this one",
        command=_DESCRIBE_ENDPOINT,
        sources=("A47", "G7"),
    ),
    Rule(
        key="endpoint-not-data",
        phase=Phase.DOMAIN,
        cause="the endpoint is no data endpoint (it serves credentials or jobs), or the old one without -ats",
        symptom=f"{CLOSED_AFTER_TLS}; or the TLS handshake fails",
        check="look at the endpoint's name: PREFIX-ats.iot.REGION.amazonaws.com",
        cure="connect to the data endpoint",
        command=_DESCRIBE_ENDPOINT,
        sources=("A52", "G7"),
    ),
    Rule(
        key="client-certificate-needed",
        phase=Phase.DOMAIN,
        cause="the domain configuration wants a client certificate beside the credentials (CUSTOM_AUTH_X509)",
        symptom=REFUSED_UNASKED,
        check=f"{_DESCRIBE}authenticationType; whether the server asks for a certificate in the TLS handshake",
        cure="connect with a client certificate that is registered and ACTIVE: --cert FILE --key FILE (A63)",
        sources=("A63",),
    ),
    Rule(
        key="client-certificate-inactive",
        phase=Phase.DOMAIN,
        cause="the client certificate is registered, and INACTIVE",
        symptom=REFUSED_UNASKED,
        check="aws iot describe-certificate: status",
        cure='set the status of the client certificate< {certificate}> to "ACTIVE" (A63)',
        command="aws iot update-certificate --certificate-id {certificate} --new-status ACTIVE",
        sources=("A63",),
    ),
    Rule(
        key="client-certificate-unknown",
        phase=Phase.DOMAIN,
        cause="the client certificate is not registered",
        symptom=f"{CLOSED_AFTER_TLS}; or the TLS handshake fails",
        check="aws iot list-certificates",
        cure="register the client certificate (A63)",
        command="aws iot register-certificate-without-ca --certificate-pem file://{certificate} --status ACTIVE",
        sources=("A63",),
    ),
)

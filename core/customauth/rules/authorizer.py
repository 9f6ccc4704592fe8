"""Which authorizer decides, and how the credentials that travel name it."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import REFUSED, REFUSED_UNASKED

_READ = "read the user name as AWS does: parameters after its last ?, split at &, each at its first ="
_USERNAME = (
    "{user}?x-amz-customauthorizer-name={authorizer}&{token_key_name}=TOKEN&x-amz-customauthorizer-signature=SIGNATURE"
)

AUTHORIZER: tuple[Rule, ...] = (
    Rule(
        key="credentials-missing",
        phase=Phase.AUTHORIZER,
        cause="no credentials travel: neither user name, password nor parameters",
        symptom=REFUSED_UNASKED,
        check="look at user name and password of CONNECT, and at headers and query of a WebSocket",
        cure="send the credentials that the authorizer expects, in user name and password of the CONNECT packet; over "
        "a WebSocket (wss://) headers or the URL query will do",
        command=_USERNAME,
        sources=("A22", "F7"),
    ),
    Rule(
        key="username-wrapped",
        phase=Phase.AUTHORIZER,
        cause="quotes, an assignment or a byte order mark stand around the user name, as where it was copied out of "
        "source code or a .env file, and are taken for a part of it",
        symptom=f"{REFUSED_UNASKED}; or it is run with a user name that it does not know",
        check="read the first and the last characters of what is sent; docker run --env-file keeps quotes",
        cure="let the device send the bare text, from its user part to the end of the last parameter; where they are "
        "only in what the doctor was given, give it that: --from-username-file -, paste the text, Enter, Ctrl-D",
        sources=("A1", "A5"),
    ),
    Rule(
        key="value-quoted",
        phase=Phase.AUTHORIZER,
        cause="quotes, blanks or line ends stand around a value, such as the password, and are taken for a part of it",
        symptom=f"{REFUSED_UNASKED}; or it is run, and says no",
        check="read the first and the last character of each value; docker run --env-file keeps quotes",
        cure="send <{value}|the value> without the quotes, blanks and line ends around it",
        sources=("A1", "A19"),
    ),
    Rule(
        key="placeholder-left",
        phase=Phase.AUTHORIZER,
        cause="a value was never filled in: what is sent is its place, such as a variable that is not expanded",
        symptom=f"{REFUSED_UNASKED}; or it is run, and says no",
        check="look for ${NAME}, $NAME, {{name}}, %s or a word in angle brackets among what is sent",
        cure="fill <{value}|the value> in: no shell expands a variable in single quotes, and nobody one in an env file",
        sources=("A1",),
    ),
    Rule(
        key="parameters-misplaced",
        phase=Phase.AUTHORIZER,
        cause="the parameters stand in the client id or the password, where AWS reads none",
        symptom=REFUSED_UNASKED,
        check="look for x-amz-customauthorizer-name in each field of CONNECT",
        cure="put the parameters behind the user name, after a ?, and leave client id and password as they are",
        command="{user}?x-amz-customauthorizer-name={authorizer}"
        "<&{token_key_name}=TOKEN&x-amz-customauthorizer-signature=SIGNATURE>",
        sources=("A1", "A22"),
    ),
    Rule(
        key="double-question-mark",
        phase=Phase.AUTHORIZER,
        cause="the user name has more than one ?, and what stands before the last is not read as parameters",
        symptom=REFUSED_UNASKED,
        check=_READ,
        cure="keep one ? in the user name, before all parameters, and join further ones with &",
        command=_USERNAME,
        sources=("A5", "A7", "J9"),
    ),
    Rule(
        key="question-mark-missing",
        phase=Phase.AUTHORIZER,
        cause="the user name holds the parameters without a ? before them, so that none is read",
        symptom=REFUSED_UNASKED,
        check=_READ,
        cure="put a ? between the user part and the parameters",
        command=_USERNAME,
        sources=("A1", "A5"),
    ),
    Rule(
        key="parameters-not-joined",
        phase=Phase.AUTHORIZER,
        cause="the parameters are separated by something else than &",
        symptom=REFUSED_UNASKED,
        check=_READ,
        cure="join the parameters with &",
        command=_USERNAME,
        sources=("A1", "J1"),
    ),
    Rule(
        key="parameter-name-misspelt",
        phase=Phase.AUTHORIZER,
        cause="a parameter is nearly, but not, named as AWS reads it",
        symptom=REFUSED_UNASKED,
        check="compare the names that are sent with x-amz-customauthorizer-name and x-amz-customauthorizer-signature",
        cure="name the parameter <{meant}, not {parameter}|x-amz-customauthorizer-name or "
        "x-amz-customauthorizer-signature, and the token by the authorizer's token key name>",
        sources=("A1", "A17"),
    ),
    Rule(
        key="authorizer-not-named",
        phase=Phase.AUTHORIZER,
        cause="no authorizer is named, and there is no default one",
        symptom=REFUSED_UNASKED,
        check="look for x-amz-customauthorizer-name; aws iot describe-default-authorizer",
        cure="send x-amz-customauthorizer-name after a ? in the user name, or configure a default authorizer",
        command="{user}?x-amz-customauthorizer-name={authorizer}",
        sources=("A22", "A58", "A60"),
    ),
    Rule(
        key="authorizer-not-found",
        phase=Phase.AUTHORIZER,
        cause="there is no authorizer of this name, or not in this region",
        symptom=REFUSED_UNASKED,
        check="aws iot describe-authorizer",
        cure="name one <of {authorizers}|that exists in the endpoint's account and region>",
        command="aws iot list-authorizers< --region {region}>",
        sources=("A60", "F1"),
    ),
    Rule(
        key="authorizer-inactive",
        phase=Phase.AUTHORIZER,
        cause="the authorizer is INACTIVE, as one is that was created without a status",
        symptom=REFUSED_UNASKED,
        check="aws iot describe-authorizer: status",
        cure='set the status of <authorizer {authorizer}|the authorizer> to "ACTIVE"',
        command="aws iot update-authorizer --authorizer-name {authorizer} --status ACTIVE< --region {region}>",
        sources=("B9", "F1"),
    ),
    Rule(
        key="authorizer-name-invalid",
        phase=Phase.AUTHORIZER,
        cause="the authorizer's name has characters or a length that no authorizer's has",
        symptom=REFUSED_UNASKED,
        check="compare the name with [A-Za-z0-9_=,@-], 1 to 128 of them",
        cure="name the authorizer as it was created, and percent-encode what is no letter, digit, - or _ in it",
        command="aws iot list-authorizers< --region {region}>",
        sources=("A8", "B1"),
    ),
    Rule(
        key="override-not-allowed",
        phase=Phase.AUTHORIZER,
        cause="the domain configuration lets no device name an authorizer: its default decides",
        symptom=f"{REFUSED_UNASKED}; another one may be",
        check="aws iot describe-domain-configuration: authorizerConfig",
        cure="send what <{default}|the default authorizer> expects, or let devices choose",
        command="aws iot update-domain-configuration --domain-configuration-name {domain_configuration} "
        "--authorizer-config defaultAuthorizerName=<{default}|DEFAULT>,allowAuthorizerOverride=true",
        sources=("A58", "A59", "G6"),
    ),
    Rule(
        key="another-authorizer",
        phase=Phase.AUTHORIZER,
        cause="another authorizer decides over the connection than the one that is meant",
        symptom=f"{REFUSED_UNASKED}; another one may be",
        check="look who is named, and who is the default of the domain configuration and of the account",
        cure="name <{authorizer}|the authorizer> in x-amz-customauthorizer-name, or test "
        "<authorizer {chosen}|the one that decides>",
        sources=("A58", "A60"),
    ),
    Rule(
        key="not-authorized",
        phase=Phase.AUTHORIZER,
        cause="the server refuses the login, and tells no more",
        symptom=REFUSED,
        check="connect with these credentials, and read the CONNACK",
        cure="check the authorizer's name and status, what its function expects (user name and password, or token key "
        "name, token and signature), and that its policy allows iot:Connect for this client id; its log says which: "
        "CloudWatch on AWS, the DENY line of the local gateway",
        sources=("F1", "F3"),
    ),
    Rule(
        key="closed-before-connack",
        phase=Phase.AUTHORIZER,
        cause="the server closes the connection in place of a CONNACK: so AWS refuses every MQTT 3.1.1 client",
        symptom=REFUSED,
        check="connect with MQTT 5, which is told more",
        cure="AWS refuses an MQTT 3.1.1 client without a word: connect once with --protocol 5, which says more, "
        "and check authorizer name, user name and password or token and signature, and the policy for this client id",
        sources=("F3", "F4"),
    ),
)

"""``customauth policy explain``: would this be allowed, and why?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from customauth.cli.exits import ExitCode
from customauth.cli.misuse import Misuse
from customauth.cli.options import json_option
from customauth.cli.policy_files import Document, read_documents
from customauth.cli.say import printable, say

if TYPE_CHECKING:
    from customauth.policy import Context, Difference, Explanation, Located, Policy, Request

_ACTION = re.compile(r"[a-z0-9-]+:[a-z0-9]+", re.IGNORECASE | re.ASCII)


@click.command()
@click.option(
    "--policy",
    "files",
    multiple=True,
    required=True,
    metavar="FILE",
    help="A policy document, or a whole answer; - is standard input. Repeatable.",
)
@click.option("--action", required=True, metavar="NAME", help="As iot:Publish.")
@click.option("--topic", metavar="TOPIC", help="What is published to, or received from.")
@click.option("--filter", "topic_filter", metavar="FILTER", help="What is subscribed to, as a/+/b.")
@click.option("--resource", metavar="ARN", help="Any other resource, or *.")
@click.option("-i", "--client-id", metavar="TEXT", help="The client id; over HTTPS there is none.")
@click.option("--source-ip", metavar="ADDRESS", help="The client's address, aws:SourceIp.")
@click.option("--domain-name", metavar="NAME", help="What the client asks for by SNI, iot:DomainName.")
@click.option("--will-topic", metavar="TOPIC", help="The CONNECT has a will to this topic.")
@click.option("--persistent", is_flag=True, help="The CONNECT asks for a persistent session.")
@click.option(
    "--context",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another condition key or variable; repeated, it has several values.",
)
@click.option("--region", default="us-east-1", show_default=True, help="Of the ARNs that are made.")
@click.option("--account", default="123456789012", show_default=True, help="Of the ARNs that are made.")
@json_option
def command(files: tuple[str, ...], as_json: bool, **options: Any) -> ExitCode:
    """Say whether policy documents allow an action, and which statement decides or comes nearest.

    Exit code 0: allowed; 7: denied; 2: the documents or the question cannot be used.
    """
    from customauth.policy import explain

    documents = read_documents(files)
    policies = [_parse(document) for document in documents]
    request = _request(options)
    explanation = explain(policies, request)
    if as_json:
        click.echo(json.dumps(_as_json(explanation, documents), indent=2))
    else:
        _show(explanation, documents)
    return ExitCode.OK if explanation.decision.allowed else ExitCode.REFUSED


def _parse(document: Document) -> Policy:
    from customauth.policy import PolicyError, parse_policy

    try:
        return parse_policy(document.content)
    except PolicyError as error:
        raise Misuse(f"{document.name}: {error}", "mend the document; AWS refuses it as malformed (C20)") from error


def _request(options: dict[str, Any]) -> Request:
    import difflib

    from customauth._policy_vocabulary import RESOURCE_TYPES
    from customauth.policy import Request, connect_context

    action: str = options["action"]
    if not _ACTION.fullmatch(action):
        raise Misuse(f"--action {action!r} is no action", "write it as iot:Publish")
    known = sorted(RESOURCE_TYPES)
    if action.lower().startswith("iot:") and action.lower() not in (name.lower() for name in known):
        close = difflib.get_close_matches(action, known, n=1)
        say(f"note: AWS IoT has no action {action}" + (f"; is {close[0]} meant?" if close else ""))
    will = None if options["will_topic"] is None else _arn(options, f"topic/{options['will_topic']}")
    context = _context(options)
    if action.lower() == "iot:connect":
        context = connect_context(context, will=will, persistent=options["persistent"])
        if options["will_topic"] is not None:
            say("note: a will needs iot:Publish on its topic too, and iot:RetainPublish if it is retained (D21)")
    elif will is not None or options["persistent"]:
        raise Misuse("--will-topic and --persistent belong to a CONNECT", "leave them out, or ask for iot:Connect")
    return Request(
        action=action, resource=_resource(action.lower(), options), client_id=options["client_id"], context=context
    )


def _resource(action: str, options: dict[str, Any]) -> str:
    given = [name for name in ("topic", "topic_filter", "resource") if options[name] is not None]
    if len(given) > 1:
        raise Misuse("more than one resource is given", "give one of --topic, --filter and --resource")
    if options["resource"] is not None:
        resource: str = options["resource"]
        if resource != "*" and not resource.startswith("arn:"):
            raise Misuse(f"--resource {resource!r} is no ARN", "give an ARN, or use --topic or --filter")
        return resource
    if action == "iot:subscribe":
        if options["topic_filter"] is None:
            raise Misuse("iot:Subscribe is decided on a topic filter (D6)", "give --filter")
        return _arn(options, f"topicfilter/{options['topic_filter']}")
    if options["topic_filter"] is not None:
        raise Misuse("only iot:Subscribe is decided on a topic filter", "give --topic or --resource")
    if options["topic"] is not None:
        return _arn(options, f"topic/{options['topic']}")
    if action == "iot:connect" and options["client_id"] is not None:
        return _arn(options, f"client/{options['client_id']}")
    if action == "iot:listretainedmessages":
        return "*"
    raise Misuse(
        f"what is {options['action']} asked for on?", "give --topic, --filter or --resource; to connect --client-id"
    )


def _arn(options: dict[str, Any], resource: str) -> str:
    return f"arn:aws:iot:{options['region']}:{options['account']}:{resource}"


def _context(options: dict[str, Any]) -> Context:
    from datetime import UTC, datetime

    from customauth.policy import Context, connection_context

    given: dict[str, list[str]] = {}
    for pair in options["pairs"]:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise Misuse(
                f"--context {pair!r} is no KEY=VALUE", "write it as --context iot:Connection.Thing.ThingName=pump"
            )
        given.setdefault(key.lower(), []).append(value)
    context = Context(
        connection_context(source_ip=options["source_ip"], domain_name=options["domain_name"], now=datetime.now(UTC))
    )
    context.update({key: values[0] if len(values) == 1 else tuple(values) for key, values in given.items()})
    return context


def _show(explanation: Explanation, documents: list[Document]) -> None:
    decision = explanation.decision
    click.echo(f"{decision.verdict.value}: {decision.reason}")
    about = explanation.decided_by or explanation.nearest
    if about is None:
        return
    click.echo(f"  document {about.document} is {_named(about, documents)}")
    for difference in explanation.differences:
        click.echo(f"  {difference.place}: {printable(difference.text)}")
        if difference.agrees is not None:
            _point(difference)


def _point(difference: Difference) -> None:
    """Mark the first character of the resource that the pattern does not agree with."""
    (asked,), (wanted,) = difference.actual, difference.wanted
    if not asked.isprintable() or difference.agrees is None:
        return
    click.echo(f"      pattern  {printable(wanted)}")
    click.echo(f"      resource {asked}")
    end = " the pattern asks for more" if difference.agrees == len(asked) else ""
    click.echo(f"               {' ' * difference.agrees}^{end}")


def _named(about: Located, documents: list[Document]) -> str:
    sid = "" if about.statement.sid is None else f', Sid "{printable(about.statement.sid)}"'
    return f"{documents[about.document - 1].name}{sid}"


def _as_json(explanation: Explanation, documents: list[Document]) -> dict[str, Any]:
    request = explanation.request
    return {
        "verdict": explanation.decision.verdict.value,
        "allowed": explanation.decision.allowed,
        "reason": explanation.decision.reason,
        "request": {
            "action": request.action,
            "resource": request.resource,
            "client_id": request.client_id,
            "context": dict(request.context),
        },
        "decided_by": _located(explanation.decided_by, documents),
        "nearest": _located(explanation.nearest, documents),
        "differences": [
            {
                "member": difference.member.value,
                "place": difference.place,
                "text": difference.text,
                "wanted": list(difference.wanted),
                "actual": list(difference.actual),
                "agrees": difference.agrees,
            }
            for difference in explanation.differences
        ],
    }


def _located(about: Located | None, documents: list[Document]) -> dict[str, Any] | None:
    if about is None:
        return None
    return {
        "document": about.document,
        "name": documents[about.document - 1].name,
        "statement": about.number,
        "sid": about.statement.sid,
        "effect": about.statement.effect,
    }

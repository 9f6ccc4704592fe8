"""What the lint of policies can find."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import frozen


class Weight(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """AWS refuses the document, or it does not do what it says."""
    WARNING = "warning"
    """It works, but seldom as meant."""


@frozen(kw_only=True)
class Rule:
    """A kind of finding.

    :ivar cure: what to do about it.
    :ivar facts: the numbers of the facts behind it, as D5; none where it is a convention of IAM.
    """

    name: str
    weight: Weight
    cure: str
    facts: tuple[str, ...] = ()


@frozen(kw_only=True)
class Finding:
    """One thing found.

    :ivar document: which of the documents, from 1; 0 where it is all of them together.
    :ivar place: as ``Statement[0].Resource[1]``; empty where it is the whole document.
    :ivar why: what is wrong, in one clause.
    """

    rule: Rule
    document: int
    place: str
    why: str

    @property
    def weight(self) -> Weight:
        """The rule's."""
        return self.rule.weight


def _error(name: str, cure: str, *facts: str) -> Rule:
    return Rule(name=name, weight=Weight.ERROR, cure=cure, facts=facts)


def _warning(name: str, cure: str, *facts: str) -> Rule:
    return Rule(name=name, weight=Weight.WARNING, cure=cure, facts=facts)


_ALL = (
    _error("too-many-documents", "merge documents, or return fewer", "C20"),
    _error("too-long", "use wildcards and variables for lists of resources, or split it into several documents", "C23"),
    _error("malformed", "mend it there; AWS answers `Policy document is Malformed`", "C20"),
    _error("unknown-action", "correct the name", "D2"),
    _warning("other-action", "leave it out: clients of the broker do not ask for it", "D2"),
    _error("wrong-resource-type", "name the type that the action is decided on", "D3", "D6"),
    _error("nothing-to-act-on", "add a resource of that type, or leave the action out", "D3", "D6"),
    _error("mqtt-wildcard", "in a topic write * for any text and ? for one character", "D5"),
    _error("other-account", "name the account and region of the endpoint, or * in their place", "D3"),
    _error("other-service", "begin it with arn:aws:iot:REGION:ACCOUNT:", "D3"),
    _error("unknown-variable", "correct the name, or give a default: ${name, 'default'}", "D10", "D14"),
    _warning("thing-variable", "use ${iot:ClientId}: no thing belongs to a client without a certificate", "D11", "D14"),
    _warning("certificate-variable", "use it only where clients present a certificate", "D12", "D14"),
    _error("variable-in-old-version", 'add "Version": "2012-10-17"', "D10"),
    _warning("variable-before-resource", "keep variables behind the fifth colon of the ARN"),
    _error("unknown-key", "correct the name of the condition key", "D18"),
    _warning("other-key", "use a key that AWS IoT documents", "D18"),
    _error("key-of-connect", "move the condition to a statement about iot:Connect", "D18"),
    _warning("needs-set-operator", "put ForAnyValue: or ForAllValues: before the operator", "D17", "D18"),
    _warning(
        "will-condition",
        "allow iot:Connect without it; iot:Publish on the will's topic is asked for anyway",
        "C31",
        "D21",
    ),
    _warning("allow-all-but", "name what is allowed; Deny what is not", "D1"),
    _warning(
        "any-client", "allow client/${iot:ClientId} only for ids that the function knows, or name them", "D16", "E15"
    ),
    _error("no-receive", "allow iot:Receive on topic/… of what is subscribed to", "D7"),
    _error("no-connect", "allow iot:Connect on client/…", "D8", "C21"),
    _warning(
        "no-connect-for-mqtt", "allow iot:Connect on client/…, unless clients publish over HTTPS only", "D8", "A37"
    ),
)

RULES: Mapping[str, Rule] = {rule.name: rule for rule in _ALL}
"""Every rule by its name."""


def finding(rule: str, document: int, place: str, why: str) -> Finding:
    """Make the finding of a rule, given by its name."""
    return Finding(rule=RULES[rule], document=document, place=place, why=why)

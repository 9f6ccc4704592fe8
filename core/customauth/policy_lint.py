"""Find what is likely wrong with the policy documents of an authorizer, before a client does.

Pure: no I/O. Every finding names its place, why it is one, and the cure. The rules are those of
:data:`RULES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from customauth._policy_error import PolicyError
from customauth._policy_findings import RULES, Finding, Rule, Weight, finding
from customauth._policy_model import Policy
from customauth._policy_parse import parse_policy
from customauth._policy_rules import Document
from customauth._policy_set_rules import check_set

__all__ = ["RULES", "Finding", "Rule", "Weight", "lint"]

_MAX_CHARACTERS = 2048
_MAX_DOCUMENTS = 10


def lint(
    documents: Sequence[str | Mapping[str, object]], *, account: str | None = None, region: str | None = None
) -> tuple[Finding, ...]:
    """Check documents that apply together, as those of one answer of an authorizer's function.

    :param documents: each as JSON text or as the object that the text holds.
    :param account: the account that resources have to be of, None to take any.
    :param region: the same of the region.
    """
    findings: list[Finding] = []
    if len(documents) > _MAX_DOCUMENTS:
        findings.append(finding("too-many-documents", 0, "", f"there are {len(documents)} documents; AWS takes 10"))
    parsed: list[tuple[int, Policy]] = []
    for number, document in enumerate(documents, 1):
        text = (
            document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        )
        if len(text) > _MAX_CHARACTERS:
            why = f"the document has {len(text)} characters; AWS takes {_MAX_CHARACTERS}"
            findings.append(finding("too-long", number, "", why))
        try:
            policy = parse_policy(document)
        except PolicyError as error:
            findings.append(finding("malformed", number, error.place, error.why))
            continue
        parsed.append((number, policy))
        findings.extend(Document(number=number, policy=policy, account=account, region=region).check())
    # What one document lacks another that cannot be read may have.
    if len(parsed) == len(documents):
        findings.extend(check_set([policy for _, policy in parsed]))
    return tuple(findings)

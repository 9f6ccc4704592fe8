"""The known causes of trouble with AWS IoT custom authentication, by their keys.

Errors, the local gateway, the doctor and the troubleshooting page all take their words from here.

What a rule's cure may want to know of the case at hand, with the same names everywhere:

``account`` (its number), ``action`` (``iot:Publish``), ``address``, ``algorithm`` (``ES256``), ``allowed`` (the
client ids that a policy allows), ``alpn`` (what is offered), ``application_protocol`` (``SECURE_MQTT``),
``authorizer``, ``authorizer_arn``, ``authorizers`` (those that exist), ``ca_file``, ``certificate`` (its id or file),
``chosen`` (the authorizer that decides), ``client_id``, ``default`` (the default authorizer),
``domain_configuration``, ``endpoint``, ``filter``, ``function`` (its name), ``keys`` (names of public keys), ``log``
(what shows the function's output on the local gateway), ``log_group`` (the function's, in CloudWatch), ``meant`` (a
parameter's right name), ``names`` (the server's), ``parameter`` (a name as it is sent), ``ports``, ``principal``,
``private_key`` and ``token_file`` (files), ``protocol`` (what is spoken), ``region``, ``resource`` (an ARN),
``sent_key_name`` (the name under which the token is sent), ``served`` (the protocol that is), ``signature_file``,
``token_key_name``, ``topic``, ``user`` (the user part), ``value`` (what is meant, as ``the password``), ``version``
(of MQTT). None of them is ever a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from customauth.rules.answer import ANSWER
from customauth.rules.authorizer import AUTHORIZER
from customauth.rules.connected import CONNECTED
from customauth.rules.domain import DOMAIN
from customauth.rules.function import FUNCTION
from customauth.rules.network import NETWORK
from customauth.rules.packet import PACKET
from customauth.rules.policy import POLICY
from customauth.rules.rule import Phase, Rule
from customauth.rules.signature import SIGNATURE
from customauth.rules.symptoms import SYMPTOMS
from customauth.rules.websocket import WEBSOCKET

__all__ = ["RULES", "SYMPTOMS", "Phase", "Rule"]

_TABLES = (NETWORK, WEBSOCKET, PACKET, DOMAIN, AUTHORIZER, SIGNATURE, FUNCTION, ANSWER, POLICY, CONNECTED)

RULES: Mapping[str, Rule] = MappingProxyType({rule.key: rule for table in _TABLES for rule in table})
"""Every rule by its key, in the order in which an attempt meets them."""

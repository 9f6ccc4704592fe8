"""What stands between a client and the server: name, TCP, proxy, TLS."""

from __future__ import annotations

from customauth.rules.rule import Phase, Rule
from customauth.rules.symptoms import CLOSED_AFTER_TLS, NO_ADDRESS, NO_TCP, NO_TLS, PROXY_REFUSES

_DESCRIBE_ENDPOINT = "aws iot describe-endpoint --endpoint-type iot:Data-ATS< --region {region}>"
# The names are those of each client's own documentation; of the three in C the array is the same.
_ALPN = (
    ("mosquitto_sub", "--tls-alpn mqtt"),
    ("ESP-IDF", ".broker.verification.alpn_protos = protos"),
    ("Arduino, ESP32", "client.setAlpnProtocols(protos)"),
    ("Mbed TLS", "mbedtls_ssl_conf_alpn_protocols(&conf, protos)"),
    ("  these with", 'static const char *protos[] = {"mqtt", NULL};'),
    ("Paho C", 'ssl.protos = (void *)"\\4mqtt"; ssl.protos_len = 5;'),
    ("MQTT.js", 'ALPNProtocols: ["mqtt"]'),
    ("Python", 'ssl_context.set_alpn_protocols(["mqtt"])'),
)

NETWORK: tuple[Rule, ...] = (
    Rule(
        key="name-not-resolved",
        phase=Phase.NAME,
        cause="the endpoint's name has no address",
        symptom=NO_ADDRESS,
        check="ask the resolver of this machine for the endpoint's addresses",
        cure="check the endpoint's spelling",
        command=_DESCRIBE_ENDPOINT,
        sources=("A52", "G7"),
    ),
    Rule(
        key="port-closed",
        phase=Phase.TCP,
        cause="nothing listens at the endpoint's port",
        symptom=f"{NO_TCP}; it is refused at once",
        check="open a TCP connection to every address of the endpoint",
        cure="check the port (custom authentication is on 443, the local gateway prints its own), that the server runs "
        "and that nothing in between blocks it",
        sources=("A39", "A57"),
    ),
    Rule(
        key="tcp-unreachable",
        phase=Phase.TCP,
        cause="the TCP connection is not answered: a firewall swallows it, or the address is not the endpoint's",
        symptom=f"{NO_TCP}; the time runs out, or the network has no route",
        check="open a TCP connection to every address of the endpoint, by IPv4 and by IPv6",
        cure="check the network between this machine and the endpoint: firewalls must let TCP to port 443 out<, "
        "to {address} too>",
        sources=("A39",),
    ),
    Rule(
        key="open-files",
        phase=Phase.TCP,
        cause="this process, or this machine, may open no more files, and a connection is one",
        symptom=f"{NO_TCP}; the system says Too many open files",
        check="compare the limit (ulimit -n) with what the process has open (on Linux: ls /proc/PID/fd)",
        cure="raise the limit of open files where the process is started (ulimit -n 65536, or LimitNOFILE= of its "
        "systemd unit), or close the connections that are not used any more",
        sources=(),
    ),
    Rule(
        key="wrong-port",
        phase=Phase.TCP,
        cause="custom authentication is not served at this port: on a default endpoint 8883 and 8443 take client "
        "certificates only",
        symptom=f"{CLOSED_AFTER_TLS}; or no TCP connection comes about",
        check="look the port up in the table of ports, ALPN and authentication",
        cure="connect to port <{ports}|443>; with a domain configuration for CUSTOM_AUTH and SECURE_MQTT 8883 serves "
        "too (A57)",
        sources=("A39", "A41", "A45", "A57", "H4"),
    ),
    Rule(
        key="proxy-refused",
        phase=Phase.PROXY,
        cause="the proxy is not reached, or does not let the connection through",
        symptom=PROXY_REFUSES,
        check="ask the proxy for a connection to the endpoint, and read its answer",
        cure="check the proxy's URL, its user and password, and that the proxy reaches the endpoint",
        sources=(),
    ),
    Rule(
        key="proxy-authentication",
        phase=Phase.PROXY,
        cause="the proxy wants a user and a password",
        symptom=f"{PROXY_REFUSES} with HTTP status 407",
        check="ask the proxy for a connection to the endpoint, and read its answer",
        cure="give user and password in the proxy's URL: http://user:password@host:port",
        sources=(),
    ),
    Rule(
        key="proxy-forbids",
        phase=Phase.PROXY,
        cause="the proxy's rules do not allow the endpoint or its port",
        symptom=f"{PROXY_REFUSES} with HTTP status 403, or reply 2 of SOCKS5",
        check="ask the proxy for a connection to the endpoint, and read its answer",
        cure="let the proxy's administrator allow the endpoint and its port",
        sources=(),
    ),
    Rule(
        key="endpoint-is-address",
        phase=Phase.TLS,
        cause="no server name (SNI) is sent, as when the endpoint is an IP address: the account cannot be told",
        symptom=f"{NO_TLS}, or every login is refused",
        check="look whether the endpoint is an address, and whether the ClientHello holds a server name",
        cure="connect by name, not by address (customauth: give the address with --address): without SNI nobody is "
        "authenticated (A47)",
        sources=("A47", "A48"),
    ),
    Rule(
        key="client-without-tls",
        phase=Phase.TLS,
        cause="the client speaks no TLS to a port that takes nothing else",
        symptom=NO_TLS,
        check="read the first bytes that the client sends",
        cure="let it use TLS, as this port does",
        sources=("A39", "A49"),
    ),
    Rule(
        key="not-tls",
        phase=Phase.TLS,
        cause="what listens at the port does not speak TLS",
        symptom=NO_TLS,
        check="send a ClientHello, and read the first bytes of the answer",
        cure="connect to the TLS port of the server (443 on AWS), and look what answers in its place",
        sources=("A39", "A49"),
    ),
    Rule(
        key="tls-untrusted",
        phase=Phase.TLS,
        cause="the server's certificate is not signed by a CA that is trusted here",
        symptom=NO_TLS,
        check="complete the handshake without trust, and read the certificate's issuer",
        cure="trust the server's CA: --cafile <{ca_file}|FILE (the local gateway's is customauth-gateway/ca/ca.pem "
        "where it was started); AWS's own are Amazon Root CA 1 to 4, and another issuer on an AWS name means that "
        "something intercepts>",
        sources=("A49", "A52"),
    ),
    Rule(
        key="tls-wrong-name",
        phase=Phase.TLS,
        cause="the server's certificate is for another name",
        symptom=NO_TLS,
        check="complete the handshake without trust, and compare the certificate's names with the endpoint",
        cure="connect to a name that is in the server's certificate< ({names})>, or use --address to dial elsewhere",
        sources=("A47", "A52"),
    ),
    Rule(
        key="tls-expired",
        phase=Phase.TLS,
        cause="the server's certificate has expired or is not valid yet, or this machine's clock is wrong",
        symptom=NO_TLS,
        check="compare the certificate's times with this machine's clock",
        cure="check this machine's clock, then the server's certificate",
        sources=("A49",),
    ),
    Rule(
        key="alpn-missing",
        phase=Phase.TLS,
        cause='MQTT on port 443 without the ALPN protocol "mqtt"',
        symptom=CLOSED_AFTER_TLS,
        check="look at what the client offers; shake hands with and without the ALPN",
        cure='offer the ALPN protocol "mqtt" (A39)',
        settings=_ALPN,
        sources=("A39", "A46", "A50", "A51"),
    ),
    Rule(
        key="alpn-wrong",
        phase=Phase.TLS,
        cause='the ALPN protocol is not "mqtt": "x-amzn-mqtt-ca" means a client certificate, "http/1.1" is no MQTT',
        symptom=f"{CLOSED_AFTER_TLS}; or the handshake fails",
        check="look at what the client offers; shake hands with it and with mqtt alone",
        cure='offer the ALPN protocol "mqtt" (A39)<, not {alpn}>',
        settings=_ALPN,
        sources=("A39", "A40", "A46", "F15"),
    ),
    Rule(
        key="alpn-not-for-http",
        phase=Phase.TLS,
        cause="WebSocket or HTTPS with an ALPN protocol that is not for HTTP",
        symptom=f"{CLOSED_AFTER_TLS}; or the handshake fails",
        check="look at what the client offers",
        cure='offer no ALPN protocol, or "http/1.1" (A42, A43)',
        sources=("A30", "A42", "A43", "A46"),
    ),
    Rule(
        key="alpn-unknown",
        phase=Phase.TLS,
        cause="no ALPN protocol that the client offers is one that AWS knows",
        symptom=f"{NO_TLS} with the alert no_application_protocol",
        check="look at what the client offers",
        cure='offer "mqtt" for MQTT, none or "http/1.1" for WebSocket and HTTPS',
        sources=("A39", "A42", "A43", "F15"),
    ),
    Rule(
        key="alpn-refused",
        phase=Phase.TLS,
        cause='the server refuses the ALPN protocol "mqtt": it is not AWS IoT, or something stands between',
        symptom=f"{NO_TLS} with the alert no_application_protocol",
        check="shake hands with and without the ALPN",
        cure="the server does not speak MQTT with custom authentication here; check endpoint and port",
        sources=("A39", "A57", "F15"),
    ),
    Rule(
        key="sni-refused",
        phase=Phase.DOMAIN,
        cause="the server does not serve the name that the client asks for (SNI)",
        symptom=f"{NO_TLS} with the alert unrecognized_name",
        check="shake hands with and without the name",
        cure="connect to <{names}|one of the account's own data endpoints>",
        command=_DESCRIBE_ENDPOINT,
        sources=("A47", "F14", "G7"),
    ),
    Rule(
        key="tls-failed",
        phase=Phase.TLS,
        cause="the TLS handshake fails for another reason",
        symptom=NO_TLS,
        check="shake hands as the client does, and once with the choices of this machine's TLS library",
        cure="let the client use TLS 1.2 or 1.3 with its library's own choice of ciphers, and check that the port "
        "speaks them",
        sources=("A49",),
    ),
)

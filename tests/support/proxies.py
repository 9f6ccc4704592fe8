"""The proxies of ``customauth.testing.proxies``, under a short name for tests. Import as ``proxies``."""

from __future__ import annotations

from customauth.testing.proxies import Place, ProxyServer, User, http_proxy, socks5_proxy

__all__ = ["Place", "ProxyServer", "User", "http_proxy", "socks5_proxy"]

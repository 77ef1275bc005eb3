"""Owns what a base URL is, and a proxy's: scheme, host, port and path prefix, and what it may not hold.

It must not know what is sent there.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit


class BadUrl(ValueError):  # noqa: N818 - named for what it is about, not for being an error
    """A base URL that cannot be used, and why, in one sentence that never repeats a password."""


def parts_of(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and path prefix (without its last slash) of a base URL; BadUrl when it cannot be used."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadUrl("the base URL holds a space, a control character or a letter outside ASCII")
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise BadUrl("the base URL has no scheme; write it like http://localhost:8080")
    if "@" in rest.partition("/")[0]:
        raise BadUrl("the base URL holds a user name or password; give credentials apart from the URL")
    scheme = scheme.lower()
    if scheme not in {"http", "https"}:
        raise BadUrl(f"the base URL has the scheme {scheme!r}; only http and https can be tested")
    if "?" in rest or "#" in rest:
        raise BadUrl("the base URL has a query or fragment; leave out everything from ? or # on")
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError as error:
        raise BadUrl(f"the base URL cannot be read: {error}") from None
    if not host:
        raise BadUrl("the base URL names no host; write it like http://localhost:8080")
    if port == 0:
        raise BadUrl("the base URL has port 0, where nothing can listen")
    return scheme, host, port or {"http": 80, "https": 443}[scheme], split.path.rstrip("/")


def proxy_of(url: str) -> tuple[str, int, str, str]:
    """Host, port, user name and password of a proxy's URL; BadUrl, which never repeats a password."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() != "http":
        raise BadUrl("a proxy is given as http://host:port; other kinds are not spoken to")
    credentials, _, where = rest.rpartition("@")
    if where.partition("/")[2]:
        raise BadUrl("a proxy has no path; give it as http://host:port")
    try:
        _scheme, host, port, _prefix = parts_of(f"http://{where}")
    except BadUrl as error:
        raise BadUrl(str(error).replace("the base URL", "the proxy's URL")) from None
    if not (credentials.isascii() and credentials.isprintable()):
        raise BadUrl("the proxy's credentials hold a character that no header can carry; write it as %XX")
    user, _, password = credentials.partition(":")
    return host, port, unquote(user), unquote(password)


def without_credentials(url: str) -> str:
    """A URL without the user name and password that may stand in it."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def is_local(url: str) -> bool:
    """Whether a base URL leads to this very machine."""
    host = parts_of(url)[1]
    return host in {"localhost", "::1"} or host.startswith("127.")

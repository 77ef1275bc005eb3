"""Owns what a run against each hostile server must come to: exit code, the sentence that says whose fault, time."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace

ONE = ("--profile", "quick", "--requirement", "AMOUNT-ACCEPTED", "--timeout", "1")


@dataclass(frozen=True)
class Expectation:
    """Exit codes of which one is right, words that the console must hold, seconds that the run may take."""

    codes: tuple[int, ...]
    words: str
    arguments: tuple[str, ...] = ONE
    seconds: float = 60.0


SELECTED = "a selection was run, so nothing is said of the whole"
TWO = (*ONE, "--requirement", "AMOUNT-ECHO", "--requirement", "RATE-ECHO")
"""A selection that has findings to show where answers are nonsense."""
QUICK = ("--profile", "quick", "--timeout", "5")
"""A whole run."""
WATCHED = (*TWO, "--requirement", "RESPONSE-NO-SERVER-ERROR", "--requirement", "RESOURCE-DATA")
"""The same, with rows that see each answer."""
SILENT = "no complete answer within 1 s"
NOT_HTTP = "is not HTTP/1.1"
CUT = "the target closed the connection"
LARGE = "Look at what the server sends"
FRONT = "something in front of the API answered"


def _gone(words: str, *arguments: str) -> Expectation:
    return Expectation((5,), words, arguments or ONE)


# The first pattern that a mode's name matches counts. Codes of a target that answers nonsense are those of its
# findings; where that depends on which answer comes first, each is right, and the checks of leftovers are the point.
FURTHER: dict[str, Expectation] = {
    "tls-old-version": _gone("TLS 1.2", *ONE, "--ca-file", "{keys}/authority.crt"),
    "tls-name-tells-the-token": _gone("is self-signed; no requirement was judged"),
    "framing-http-in-lower-case": _gone("is not HTTP/1.1"),
    "framing-http-2-*": _gone("answered in HTTP/2"),
    "framing-length-too-long": _gone(CUT),
    "framing-length-too-short": Expectation((0, 1), ""),
    "framing-length-and-chunks": _gone("no requirement was judged"),
    "framing-length-list-unlike": _gone("conflicting Content-Length headers; no requirement was judged. Look at"),
    "framing-length-*": _gone("bad Content-Length; no requirement was judged. Look at the head"),
    "framing-lengths-alike": Expectation((0,), SELECTED),
    "framing-line-ends-before": Expectation((0, 1, 5), ""),
    "framing-nine-interim": Expectation((0,), SELECTED),
    "framing-20[45]-with-body": Expectation((0, 1, 3, 5), ""),
    "framing-304-with-body": Expectation((5,), ""),
    "framing-folded-over-and-over": Expectation((0,), SELECTED),
    "framing-tabs": Expectation((0,), SELECTED),
    "size-reason-of-60-k": Expectation((0,), SELECTED),
    "size-trailers-of-50-k": Expectation((0, 5), ""),
    "size-extension-on-every-octet": Expectation((0, 3), ""),
    "size-created-at-of-900-k": Expectation((0, 1, 3), "", TWO),
    "size-name-of-900-k": Expectation((0, 1, 3), "", TWO),
    "size-gzip-bomb-twice": Expectation((0, 1, 3), "", TWO),
    "size-ten-codings": Expectation((0, 1, 3), "", TWO),
    "status-300": _gone("The operation has no slash at its end"),
    "json-hundred-thousand-members": Expectation((0, 3), "", TWO),
    "status-402": _gone("5 plain, valid invoices were all refused"),
    "echo-interim": Expectation((0, 1, 3), "", TWO),
    "echo-retry-after": _gone("too many requests even at the first", *TWO),
    "echo-chunk-size": _gone("breaks HTTP/1.1 in the body's framing: illegal chunk header", *TWO),
    "echo-version": _gone("no requirement was judged", *TWO),
    "state-507-after-30": Expectation((1,), "RESPONSE-NO-SERVER-ERROR", WATCHED),
    "state-garbage-after-30": Expectation((1, 3), "", TWO, seconds=90),
    "state-maintenance-after-30": Expectation((0, 1, 3), "", TWO),
    "state-429-for-an-hour-after-30": Expectation((5,), "the target has gone away", TWO, seconds=200),
    "state-hangs-after-30": Expectation((5,), "the target has gone away", TWO, seconds=90),
    "state-other-version-after-30": Expectation((1,), "RESOURCE-DATA", WATCHED),
    "state-answers-of-others": Expectation((0, 1, 3), "", TWO),
    "state-closes-inside-one-in-three": Expectation((0, 3), "", TWO, seconds=90),
}
EXPECTED: dict[str, Expectation] = FURTHER | {
    "healthy": Expectation((0,), SELECTED),
    "connect-refused": _gone("nothing listens at"),
    "connect-never-*": _gone(SILENT),
    "connect-closed-*": _gone("Look into the server's log"),
    "connect-reset-*": _gone("the target reset the connection"),
    "connect-*": Expectation((0,), SELECTED),
    "tls-self-signed": _gone("is self-signed; no requirement was judged. If it is the right one, name its file"),
    "tls-expired": _gone(
        "has expired; no requirement was judged. Have it renewed", *ONE, "--ca-file", "{keys}/expired.crt"
    ),
    "tls-not-yet-valid": _gone("is not valid yet", *ONE, "--ca-file", "{keys}/not-yet-valid.crt"),
    "tls-wrong-host": _gone("is for another host name", *ONE, "--ca-file", "{keys}/authority.crt"),
    "tls-unknown-authority": _gone("is signed by an unknown authority"),
    "tls-client-certificate-wanted": _gone(
        "--client-cert", *ONE, "--timeout", "5", "--ca-file", "{keys}/authority.crt"
    ),
    "tls-trusted": Expectation((0,), SELECTED, (*ONE, "--ca-file", "{keys}/authority.crt")),
    "tls-wanted-on-plain-port": _gone("does not speak TLS; its URL probably begins with http://"),
    "tls-url-is-http": _gone("the target answered in TLS; its URL probably begins with https://"),
    "tls-handshake-hangs": _gone("did not finish the TLS handshake in time"),
    "tls-handshake-closed": _gone("closed the connection during the TLS handshake"),
    "tls-handshake-garbage": _gone("no requirement was judged"),
    "tls-cut-in-body": _gone(CUT, *ONE, "--ca-file", "{keys}/authority.crt"),
    "time-interim-forever": _gone("more than 10 interim"),
    "time-interim-at-once": _gone("more than 10 interim"),
    "time-*": _gone(SILENT),
    "framing-chunk-size-huge": _gone("no requirement was judged"),
    "framing-chunks-cut": _gone(CUT),
    "framing-length-too-long": _gone(CUT),
    "framing-length-and-chunks": _gone("no requirement was judged"),
    "framing-late-second-answer": Expectation((0, 1), SELECTED),
    "framing-http-9.9": Expectation((0, 5), ""),
    "framing-length-too-short": Expectation((0, 1), ""),
    "framing-second-answer": Expectation((0, 1), ""),
    "framing-surplus": Expectation((0, 1), ""),
    "framing-folded-field": Expectation((0,), SELECTED),
    "framing-bare-line-feeds": Expectation((0,), SELECTED),
    "framing-no-reason": Expectation((0,), SELECTED),
    "framing-answer-before-request": Expectation((0, 1), ""),
    "framing-*": _gone("no requirement was judged"),
    "size-megabyte-each": Expectation((0, 3), ""),
    "size-chunk-extension-huge": Expectation((0, 5), ""),
    "size-fields-of-60-k": Expectation((0,), SELECTED),
    "size-gzip-bomb": Expectation((0, 1, 3), "", TWO),
    "size-deflate-bomb": Expectation((0, 1, 3), "", TWO),
    "size-chunks-endless": _gone("no requirement was judged"),
    "size-*": _gone(LARGE),
    "encoding-*": Expectation((0, 1, 3), "", TWO),
    "status-101": _gone("no requirement was judged"),
    "status-20[456]": Expectation((0, 1, 3), "", TWO),
    "status-299": Expectation((0, 1, 3), "", TWO),
    "status-304": _gone("5 plain, valid invoices were all refused"),
    "status-401": _gone("the token is refused"),
    "status-401-basic": _gone("wants a password of its own"),
    "status-403": _gone(FRONT),
    "status-404": _gone("nothing is at /api/v1/invoices"),
    "status-404-json": _gone("nothing is at /api/v1/invoices"),
    "status-404-contract": _gone("the contract is unknown, or not the tenant's"),
    "status-405": _gone("takes no POST"),
    "status-407": _gone("a proxy wants credentials"),
    "status-408": _gone("gave up waiting for the request"),
    "status-415": _gone("refused as a media type"),
    "status-421": _gone("answers for other host names"),
    "status-422-contract": _gone("The contract is probably unknown"),
    "status-426": _gone("wants another protocol"),
    "status-431": _gone("is too large for the server"),
    "status-4[015][08]": _gone("5 plain, valid invoices were all refused"),
    "status-451": _gone("5 plain, valid invoices were all refused"),
    "status-418": _gone("5 plain, valid invoices were all refused"),
    "status-429-*": _gone("too many requests even at the first"),
    "status-50[234]": _gone("the API is not up behind its proxy"),
    "status-511": _gone("the network wants a sign-in"),
    "status-[569]*": _gone("the server fails on 5 plain, valid invoices"),
    "status-200-page": _gone("in place of the API"),
    "status-200-rejected": _gone("in place of the API"),
    "status-201-empty": Expectation((0, 1, 3), "", TWO),
    "redirect-302-sign-in": _gone("a redirect (302) to a sign-in"),
    "redirect-loop": _gone("It leads to itself"),
    "redirect-*": _gone("which is not followed with a token in hand"),
    "json-*": Expectation((0, 1, 3), "", TWO),
    "inject-refusal": _gone("5 plain, valid invoices were all refused", *TWO),
    "inject-html-title": _gone("in place of the API", *TWO),
    "inject-*": Expectation((0, 1, 3), "", TWO),
    "echo-error-500": _gone("the server fails on 5 plain, valid invoices", *TWO),
    "echo-refused-401": _gone("the token is refused", *TWO),
    "echo-redirect": _gone("is not followed with a token in hand", *TWO),
    "echo-not-http": _gone(NOT_HTTP, *TWO),
    "echo-bad-*": _gone("no requirement was judged", *TWO),
    "echo-*": Expectation((0, 1, 3, 5), "", TWO),
    "state-401-after-30": Expectation((3,), "give --token-command", TWO),
    "state-gone-after-30": Expectation((5,), "the target has gone away", TWO, seconds=90),
    "state-reset-after-30": Expectation((5,), "the target has gone away", TWO, seconds=90),
    "state-503-after-30": Expectation((5, 1), "the target has gone away", TWO, seconds=90),
    "state-500-after-30": Expectation((1,), "RESPONSE-NO-SERVER-ERROR", WATCHED),
    "state-away-and-back": Expectation((0, 3), "", TWO, seconds=90),
    "state-starts-late": Expectation((0,), SELECTED, (*ONE, "--wait-for-target", "20")),
    "state-hang-one-in-three": Expectation((0, 3), "", TWO, seconds=90),
    "state-page-after-30": Expectation((0, 3), "", TWO),
    "state-sign-in-after-30": Expectation((0, 3), "", TWO),
    # Servers that answer rightly in their own manner: what they are judged, or that it could not be seen whole.
    "liberty-one-connection": Expectation(
        (0,), "the target answered one connection again and again", QUICK, seconds=150
    ),
    "liberty-four-connections": Expectation((0,), "connections again and again while", QUICK, seconds=150),
    "liberty-never-a-fifth-connection": Expectation((0, 3), "", QUICK, seconds=150),
    "liberty-cold-then-in-turn": Expectation(
        (3,), "the run's time (--max-time) is used up", (*QUICK, "--max-time", "20")
    ),
    "liberty-50*": Expectation((0, 3), "", QUICK, seconds=150),
    "liberty-idle-*": Expectation((0, 3), "", QUICK, seconds=150),
    "liberty-*": Expectation((0,), "conformant (full)", QUICK, seconds=150),
    # A healthy server, seen through trouble: its verdicts, or that something could not be judged. Never a finding.
    "state-*": Expectation((0, 3), "", TWO),
}
REPRESENTATIVE = (
    "healthy",
    "connect-refused",
    "connect-never-accepted",
    "connect-reset-after-request",
    "tls-self-signed",
    "tls-expired",
    "tls-wrong-host",
    "tls-client-certificate-wanted",
    "tls-wanted-on-plain-port",
    "time-head-drips",
    "time-body-never-ends",
    "time-interim-forever",
    "framing-chunk-size-bad",
    "framing-second-answer",
    "size-million-fields",
    "size-body-endless",
    "size-gzip-bomb",
    "encoding-invalid-utf-8",
    "status-401-basic",
    "status-403",
    "status-404-contract",
    "status-200-page",
    "redirect-to-another-host",
    "json-deep-and-closed",
    "inject-terminal",
    "inject-github",
    "inject-csv",
    "echo-base64",
    "echo-split-over-fields",
    "echo-utf-16",
    "echo-not-http",
    "state-503-one-in-three",
    "state-away-and-back",
    "state-starts-late",
)
"""The modes that stand for all in every run of the tests."""


UNKNOWN = Expectation((0, 1, 3, 5), "")
ANSWERING = ("healthy", "status-", "redirect-", "json-", "inject-", "echo-", "state-")
"""How the names of modes begin that do answer: a busy machine may take more than a second for that."""
PATIENT = ("--timeout", "5")


def expectation(name: str) -> Expectation:
    """What is expected of a mode: by its own name, or by the first pattern that it matches."""
    found = next((one for pattern, one in EXPECTED.items() if fnmatch.fnmatch(name, pattern)), UNKNOWN)
    falls_silent = "hang" in name or "gone" in name
    answers = name.startswith(ANSWERING) and not falls_silent
    return replace(found, arguments=(*found.arguments, *PATIENT)) if answers else found

"""How a target is reached: through a proxy only when asked, with whose certificates, within which time."""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.meta import certificates
from tests.meta.facing import CANNED, IDENTITY, command, run, settle_in
from tests.meta.hostile_server import HostileServer
from tests.meta.rawserver import Connection, RawServer, answer, answering

from invoice_conformance.exchange import NoAnswer, Request, Response
from invoice_conformance.redaction import Redactor
from invoice_conformance.reference.embed import ReferenceServer
from invoice_conformance.target import Target, TargetSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE = ("--requirement", "AMOUNT-ECHO")
POST = Request("POST", "/api/v1/invoices", (("Content-Type", "application/json"),), b"{}")
CREATED = answer(CANNED, "201 Created", "Content-Type: application/json")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_in(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceServer]:
    with ReferenceServer() as server:
        yield server


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    if not certificates.make(folder):
        pytest.skip("no openssl command here to make certificates with")
    return folder


def reached(url: str, **settings: object) -> Response | NoAnswer:
    """What one request to a target comes to."""
    with Target(TargetSettings(url, **settings), Redactor([])) as target:  # type: ignore[arg-type]
        return target.send(POST).answer


# Proxies


def test_a_proxy_is_named_the_whole_url_and_its_password_alone() -> None:
    asked: list[bytes] = []

    def proxy(connection: Connection) -> None:
        while request := connection.read_request():
            asked.append(request)
            connection.send(CREATED)

    with RawServer(proxy) as server:
        url = f"http://us%65r:p%40ss@127.0.0.1:{server.port}"
        came = reached("http://api.invalid/prefix", proxy=url)

    assert isinstance(came, Response)
    head = asked[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == "POST http://api.invalid/api/v1/invoices HTTP/1.1"
    assert "Host: api.invalid" in head
    assert f"Proxy-Authorization: Basic {base64.b64encode(b'user:p@ss').decode()}" in head


def test_tls_goes_through_a_tunnel_and_the_proxy_sees_neither_token_nor_body(keys: Path) -> None:
    asked: list[bytes] = []
    inner = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inner.load_cert_chain(keys / "good.pem")

    def proxy(connection: Connection) -> None:
        asked.append(connection.read_until(b"\r\n\r\n"))
        connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with inner.wrap_socket(connection._raw, server_side=True) as secure:  # noqa: SLF001 - ours
            asked.append(secure.recv(65536))
            secure.sendall(CREATED)
            secure.recv(1)

    with RawServer(proxy) as server:
        via = f"http://name:secret@127.0.0.1:{server.port}"
        came = reached("https://127.0.0.1:8443", proxy=via, ca_file=str(keys / "authority.crt"))

    assert isinstance(came, Response)
    assert asked[0].startswith(
        b"CONNECT 127.0.0.1:8443 HTTP/1.1\r\nHost: 127.0.0.1:8443\r\nProxy-Authorization: Basic "
    )
    assert asked[1].startswith(b"POST /api/v1/invoices HTTP/1.1\r\n")
    assert b"Proxy-Authorization" not in asked[1]


def test_a_proxy_that_opens_no_tunnel_is_named() -> None:
    refusal = answer(b"", "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="p"')
    with RawServer(answering(refusal)) as server:
        came = reached("https://api.invalid", proxy=f"http://127.0.0.1:{server.port}")

    assert isinstance(came, NoAnswer)
    assert came.kind == "proxy"
    assert came.detail.endswith("no tunnel to https://api.invalid; it answered 407 Proxy Authentication Required")


def test_a_proxy_that_is_not_there_is_named() -> None:
    with RawServer(answering(CREATED)) as server:
        port = server.port

    came = reached("http://api.invalid", proxy=f"http://127.0.0.1:{port}")

    assert isinstance(came, NoAnswer)
    assert came.detail == f"nothing listens at the proxy 127.0.0.1:{port}"


def test_a_run_through_a_proxy_keeps_its_password_to_itself(tmp_path: Path) -> None:
    refusal = answer(b"for user:Tr0ub4dor&3", "400 Tr0ub4dor&3", "X-Echo: dXNlcjpUcjB1YjRkb3ImMw==")
    with RawServer(answering(refusal)) as server:
        ran = run(tmp_path, "http://api.invalid", *ONE, "--proxy", f"http://user:Tr0ub4dor&3@127.0.0.1:{server.port}")

    texts = [path.read_text(encoding="utf-8") for path in ran.folder.iterdir()]
    assert ran.code == 5
    assert ran.report["configuration"]["proxy"] == f"http://127.0.0.1:{server.port}"
    assert all("Tr0ub4dor" not in text and "UcjB1YjRk" not in text for text in (*texts, ran.out, ran.err))


def test_the_proxies_of_the_environment_are_passed_by(
    tmp_path: Path, reference: ReferenceServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(answering(CREATED)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        ran = run(tmp_path, reference.url, *ONE)

    assert (ran.code, proxy.connections) == (0, 0)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks5://h:1", "--proxy: a proxy is given as http://host:port"),
        ("h:3128", "--proxy: a proxy is given as http://host:port"),
        ("http://h:1/path", "--proxy: a proxy has no path"),
        ("http://me:hunter2@h:port", "--proxy: the proxy's URL cannot be read"),
        ("http://me:hunter2@", "--proxy: the proxy's URL names no host"),
        ("http://me:hünter2@h:1", "--proxy: the proxy's credentials hold a character"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_without_its_password(url: str, words: str, tmp_path: Path) -> None:
    ran = run(tmp_path, "http://127.0.0.1:1", *ONE, "--proxy", url)

    assert ran.code == 2
    assert words in ran.err
    assert "nter2" not in ran.err


# TLS


def test_a_client_certificate_is_shown_to_who_wants_one(keys: Path, reference: ReferenceServer, tmp_path: Path) -> None:
    trusted = ("--ca-file", str(keys / "authority.crt"), *ONE)
    with HostileServer("tls-client-certificate-wanted", upstream=reference.url, certificates=keys) as server:
        without = run(tmp_path, server.url, *trusted)
        together = run(tmp_path, server.url, *trusted, "--client-cert", str(keys / "client.pem"))
        apart = ("--client-cert", str(keys / "client.crt"), "--client-key", str(keys / "client.key"))
        separate = run(tmp_path, server.url, *trusted, *apart)

    assert (without.code, together.code, separate.code) == (5, 0, 0)
    assert "--client-cert" in without.out


def test_a_target_that_says_it_wants_a_certificate_is_understood(keys: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "good.pem")
    context.load_verify_locations(keys / "authority.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with RawServer(answering(CREATED), context) as server:
        ran = command(tmp_path, "doctor", server.url, "--ca-file", str(keys / "authority.crt"))

    assert ran.code == 5
    assert "--client-cert" in ran.out


def test_a_client_key_that_cannot_be_used_is_refused_before_anything_is_sent(keys: Path, tmp_path: Path) -> None:
    alone = run(tmp_path, "https://127.0.0.1:1", *ONE, "--client-key", str(keys / "client.key"))
    wrong = run(tmp_path, "https://127.0.0.1:1", *ONE, "--client-cert", str(keys / "client.crt"))

    assert (alone.code, wrong.code) == (2, 2)
    assert "--client-key needs --client-cert" in alone.err
    assert f"--client-cert {keys / 'client.crt'} cannot be used" in wrong.err


def test_the_authorities_of_the_environment_are_trusted(
    keys: Path, reference: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HostileServer("tls-trusted", upstream=reference.url, certificates=keys) as server:
        without = run(tmp_path, server.url, *ONE)
        monkeypatch.setenv("SSL_CERT_FILE", str(keys / "authority.crt"))
        trusting = run(tmp_path, server.url, *ONE)

    assert (without.code, trusting.code) == (5, 0)
    assert "name its file with --ca-file or SSL_CERT_FILE" in without.out


def test_trusting_anybody_is_warned_of_and_written_down(keys: Path, reference: ReferenceServer, tmp_path: Path) -> None:
    with HostileServer("tls-self-signed", upstream=reference.url, certificates=keys) as server:
        ran = run(tmp_path, server.url, *ONE, "--insecure")

    assert ran.code == 0
    assert "warning: --insecure accepts any certificate" in ran.err
    assert "this certifies nothing" in ran.out
    assert ran.report["configuration"]["insecure"] is True


# Time


def test_a_run_ends_as_incomplete_when_its_time_is_used_up(tmp_path: Path) -> None:
    def slow(connection: Connection) -> None:
        while connection.read_request():
            connection.stopping.wait(0.2)
            connection.send(CREATED)

    began = time.monotonic()
    with RawServer(slow) as server:
        ran = run(tmp_path, server.url, "--requirement", "*ACCEPTED", "--max-time", "2", "--concurrency", "1")

    assert (ran.code, ran.report["outcome"]) == (3, "incomplete")
    assert "the run's time (--max-time) is used up" in ran.out
    assert ran.report["configuration"]["max_time"] == 2
    assert time.monotonic() - began < 20


def test_a_request_under_way_ends_with_the_time_of_the_run_and_is_no_finding(tmp_path: Path) -> None:
    first = threading.Event()

    def stuck(connection: Connection) -> None:
        while connection.read_request():
            if first.is_set():
                connection.stopping.wait()
                return
            first.set()
            connection.send(CREATED)

    with RawServer(stuck) as server:
        ran = run(tmp_path, server.url, "--requirement", "AMOUNT-ACCEPTED", "--max-time", "2", "--timeout", "100")

    assert (ran.code, ran.report["outcome"], ran.findings) == (3, "incomplete", [])
    assert ran.report["duration_s"] < 20


def test_time_that_is_used_up_before_the_first_answer_leaves_the_run_incomplete(tmp_path: Path) -> None:
    with RawServer(lambda connection: connection.stopping.wait()) as server:  # type: ignore[arg-type]
        ran = run(tmp_path, server.url, *ONE, "--max-time", "0.5")

    assert (ran.code, ran.report["outcome"]) == (3, "incomplete")
    assert "the run's time (--max-time) is used up; no requirement was judged" in ran.out


def test_a_target_that_starts_late_is_waited_for_when_asked(reference: ReferenceServer, tmp_path: Path) -> None:
    with HostileServer("state-starts-late", upstream=reference.url) as server:
        at_once = command(tmp_path, "doctor", server.url)
    settle = {"token": IDENTITY["INVOICE_CONFORMANCE_TOKEN"]}
    with HostileServer("state-starts-late", upstream=reference.url) as server:
        waiting = run(tmp_path, server.url, *ONE, "--wait-for-target", "30", "--token", settle["token"])

    assert at_once.code == 5
    assert waiting.code == 0


def test_a_target_that_does_not_start_is_given_up_after_the_wait(tmp_path: Path) -> None:
    with RawServer(answering(CREATED)) as server:
        url = server.url

    ran = run(tmp_path, url, *ONE, "--wait-for-target", "1")

    assert ran.code == 5
    assert ran.report["stopped"].startswith("waited 1 s (--wait-for-target): nothing listens at")
    assert 3 <= ran.report["requests"] < 25


# The doctor


def test_the_doctor_finds_a_good_target_ready_after_one_invoice(reference: ReferenceServer, tmp_path: Path) -> None:
    ran = command(tmp_path, "doctor", reference.url)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"ready: {reference.url} answered; 1 invoice was created\n"
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_names_what_is_missing_for_a_whole_run(
    reference: ReferenceServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INVOICE_CONFORMANCE_OTHER_TENANT_ID")

    ran = command(tmp_path, "doctor", reference.url)

    assert ran.code == 0
    assert "TENANT-FOREIGN-CONTRACT needs a second tenant" in ran.out


@pytest.mark.parametrize(
    ("canned", "words"),
    [
        (answer(b"", "401 Unauthorized", "WWW-Authenticate: Bearer"), "the token is refused; check"),
        (answer(b"", "401 Unauthorized", "WWW-Authenticate: Basic realm=x"), "wants a password of its own"),
        (answer(b"{}", "403 Forbidden"), "the token may not act here"),
        (answer(b"<html>", "404 Not Found", "Content-Type: text/html"), "nothing is at /api/v1/invoices"),
        (answer(b"", "429 Too Many Requests", "Retry-After: 0"), "too many requests even at the first"),
        (answer(b"oops", "500 Oops"), "the server fails on 5 plain, valid invoices"),
        (answer(b"", "502 Bad Gateway"), "the API is not up behind its proxy"),
        (
            answer(b"", "301 Moved", "Location: https://elsewhere.example/"),
            "a redirect (301) to https://elsewhere.example/",
        ),
        (
            answer(b"", "301 Moved", "Location: http://h/api/v1/invoices/"),
            "The operation has no slash at its end: let the server answer there",
        ),
        (answer(b"", "302 Found", "Location: /login?next=/"), "a redirect (302) to a sign-in, /login?next=/"),
        (answer(b"<!doctype html><title>Sign in</title>", "200 OK"), "an HTML page, “Sign in”, answered 200"),
        (answer(b'{"error":"no such contract"}', "422 No"), "The contract is probably unknown"),
        (b"220 mail.example ESMTP\r\n\r\n", "Correct the port or the scheme of the URL"),
        (
            b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            r"in the body's framing: illegal chunk header: 'zz\r\n'; no requirement was judged. Look at the chunks",
        ),
    ],
)
def test_the_doctor_says_in_one_line_what_is_wrong_and_what_to_do(canned: bytes, words: str, tmp_path: Path) -> None:
    with RawServer(answering(canned)) as server:
        ran = command(tmp_path, "doctor", server.url)

    (line,) = ran.out.splitlines()
    assert (ran.code, ran.err) == (5, "")
    assert line.startswith("not ready: ")
    assert words in line


def test_the_doctor_asks_an_unjudgeable_target_less_than_25_times(tmp_path: Path) -> None:
    asked: list[bytes] = []

    def refusing(connection: Connection) -> None:
        while request := connection.read_request():
            asked.append(request)
            connection.send(answer(b"{}", "503 Service Unavailable"))

    with RawServer(refusing) as server:
        ran = command(tmp_path, "doctor", server.url, "--wait-for-target", "2")

    assert ran.code == 5
    assert re.search(r"waited 2 s \(--wait-for-target\): the API is not up behind its proxy", ran.out)
    assert 3 <= len(asked) < 25


def test_the_doctor_takes_no_command_from_a_page(tmp_path: Path) -> None:
    page = b"<html><title>\x1b[31m[red]::error::x ##[error]</title></html>"
    with RawServer(answering(answer(page, "200 OK"))) as server:
        ran = command(tmp_path, "doctor", server.url)

    assert "\x1b" not in ran.out
    assert "\\u001b[31m[red]" in ran.out
    assert "##[" not in ran.out

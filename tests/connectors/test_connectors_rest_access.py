"""How a registry is reached and how it knows us; nothing that identifies us is ever said aloud."""

import base64
import itertools
import json
import logging
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from odd_registry import Answer, Asked, Reply, answering, as_json, read_pages, read_records
from passing_proxy import proxying

from common.errors import ConfigurationError, SourceError
from connectors.rest.http import Refused, Unreachable

ONE = [{"ma": "001"}]
PAGE = as_json({"data": ONE, "next_cursor": None})
KEY = "k3y-that-nobody-may-read"


def lets_in(header: str, value: str) -> Answer:
    return lambda asked: PAGE if asked.headers.get(header) == value else as_json({"title": f"not {value}"}, status=401)


WAYS_IN: dict[str, tuple[Answer, dict[str, Any]]] = {
    "an API key in the usual header": (lets_in("X-API-Key", KEY), {"kind": "api_key", "key": KEY}),
    "an API key in another header, behind a word": (
        lets_in("Authorization", f"ApiKey {KEY}"),
        {"kind": "api_key", "key": KEY, "header": "Authorization", "prefix": "ApiKey "},
    ),
    "an API key in the query": (
        lambda asked: PAGE if asked.query.get("khoa") == KEY else Reply(b"", 401),
        {"kind": "api_key", "key": KEY, "param": "khoa"},
    ),
    "a user and password": (
        lets_in("Authorization", f"Basic {base64.b64encode(f'sở:{KEY}'.encode()).decode()}"),
        {"kind": "basic", "user": "sở", "password": KEY},
    ),
    "a key from the environment": (
        lets_in("X-API-Key", "from outside"),
        {"kind": "api_key", "key": {"env": "A_KEY_OF_THE_AGENCY"}},
    ),
}


@pytest.mark.parametrize("name", WAYS_IN)
def test_the_way_in_that_the_source_file_describes_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY_OF_THE_AGENCY", "from outside")
    answer, auth = WAYS_IN[name]
    with answering(answer) as registry:
        assert read_records(registry.url, {"auth": auth}) == ONE


@pytest.mark.parametrize("name", WAYS_IN)
def test_a_refusal_names_the_keys_to_check_and_keeps_the_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY_OF_THE_AGENCY", KEY)
    sent = f"Basic {base64.b64encode(f'sở:{KEY}'.encode()).decode()}"
    with answering(lambda asked: as_json({"title": f"who is {KEY}, {sent}?"}, status=401)) as registry:
        with pytest.raises(Refused) as raised:
            read_pages(registry.url, {"auth": WAYS_IN[name][1]})
        assert len(registry.asked) == 1
    assert "who is …" in str(raised.value)
    assert "check [rest.auth]" in str(raised.value)
    assert KEY not in str(raised.value)
    assert WAYS_IN[name][1]["kind"] != "basic" or sent not in str(raised.value)


def test_a_key_in_the_query_stands_in_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    auth = {"kind": "api_key", "key": KEY, "param": "khoa"}
    faults: list[Reply] = [Reply(b"<html>"), Reply(b"", 404), Reply(b"", 503), Reply(b'{"data": ["', length=99)]
    for fault in faults:
        with answering(lambda asked, fault=fault: fault) as registry, pytest.raises(SourceError) as raised:
            read_pages(registry.url, {"auth": auth})
        assert KEY not in f"{raised.value} {raised.value!r}"
    with pytest.raises(Unreachable) as unreachable:
        read_pages(registry.url, {"auth": auth})
    assert KEY not in str(unreachable.value)
    assert KEY not in caplog.text


def test_a_registry_that_wants_to_know_who_asks_is_described_in_rest_auth() -> None:
    with answering(lambda asked: Reply(b"", 401)) as registry:
        for rest in ({}, {"auth": {"kind": "none"}}):
            with pytest.raises(Refused, match="answers 401") as raised:
                read_pages(registry.url, rest)
            assert "[rest.auth]" in str(raised.value)


@dataclass
class TokenServer:
    """Grants tokens that count for so many pages."""

    pages_per_token: int = 1_000
    given: int = 0
    left: int = 0

    def answer(self, asked: Asked) -> Reply:
        if asked.path.endswith("/token"):
            self.given += 1
            self.left = self.pages_per_token
            return as_json({"access_token": f"t{self.given}", "expires_in": 3600})
        if asked.headers.get("Authorization") != f"Bearer t{self.given}" or self.left == 0:
            return as_json({"title": f"no longer {asked.headers.get('Authorization')}"}, status=401)
        self.left -= 1
        start = int(asked.query.get("cursor", 0))
        return as_json({"data": [start], "next_cursor": start + 1 if start < 6 else None})


def test_a_token_is_asked_for_with_its_scope_and_anew_when_it_ends_in_the_middle_of_a_walk() -> None:
    server = TokenServer(pages_per_token=3)
    with answering(server.answer) as registry:
        auth = {
            "kind": "oauth2",
            "token_url": f"{registry.url}/token",
            "client_id": "us",
            "client_secret": KEY,
            "scope": "tax.read tax.list",
        }
        # What doichieu.toml says of OAuth gives way to the source file.
        elsewhere = {"token_url": "http://127.0.0.1:1/", "client_id": "x", "client_secret": "x"}
        assert read_records(registry.url, {"auth": auth}, **elsewhere) == [0, 1, 2, 3, 4, 5, 6]
        asked = [each for each in registry.asked if each.path.endswith("/token")]
    assert server.given == len(asked) == 3
    assert asked[0].body == b"grant_type=client_credentials&scope=tax.read+tax.list"
    assert asked[0].headers["Authorization"] == f"Basic {base64.b64encode(f'us:{KEY}'.encode()).decode()}"


def test_oauth_of_the_settings_counts_for_a_source_file_without_auth() -> None:
    with answering(TokenServer().answer) as registry:
        keys = {"token_url": f"{registry.url}/token", "client_id": "us", "client_secret": KEY}
        assert read_records(registry.url, {"page_size": 5}, **keys) == [0, 1, 2, 3, 4, 5, 6]


def test_a_token_that_is_refused_stays_out_of_the_message() -> None:
    with answering(TokenServer(pages_per_token=0).answer) as registry:
        auth = {"kind": "oauth2", "token_url": f"{registry.url}/token", "client_id": "us", "client_secret": KEY}
        with pytest.raises(Refused) as raised:
            read_pages(registry.url, {"auth": auth})
    assert "(no longer Bearer …)" in str(raised.value)
    assert "[rest.auth] client_id, client_secret and scope" in str(raised.value)


def test_headers_and_parameters_of_the_source_go_with_every_request_but_not_to_the_token_endpoint() -> None:
    with answering(TokenServer().answer) as registry:
        rest = {"headers": {"X-Don-Vi": "BHXH", "Accept": "application/vnd.api+json"}, "params": {"loai": "dn"}}
        keys = {"token_url": f"{registry.url}/token", "client_id": "us", "client_secret": KEY}
        read_pages(registry.url, rest, **keys)
        token, *pages = registry.asked
    assert {(each.headers["X-Don-Vi"], each.headers["Accept"], each.query["loai"]) for each in pages} == {
        ("BHXH", "application/vnd.api+json", "dn")
    }
    assert "X-Don-Vi" not in token.headers


@dataclass(frozen=True)
class Certificates:
    ca: trustme.CA
    ca_file: Path
    client_cert: Path
    """Certificate and key in one file."""
    cert_alone: Path
    key_alone: Path

    def server(self, *, wants_ours: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("127.0.0.1").configure_cert(context)
        if wants_ours:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca = trustme.CA()
    ours = ca.issue_cert("doichieu@agency.example")
    files = [folder / name for name in ("ca.pem", "client.pem", "cert.pem", "key.pem")]
    ca.cert_pem.write_to_path(files[0])
    ours.private_key_and_cert_chain_pem.write_to_path(files[1])
    ours.cert_chain_pems[0].write_to_path(files[2])
    ours.private_key_pem.write_to_path(files[3])
    return Certificates(ca, *files)


def test_a_certificate_of_ours_is_shown_to_a_registry_that_wants_one(certificates: Certificates) -> None:
    with answering(lambda asked: PAGE, certificates.server(wants_ours=True)) as registry:
        one_file = {"ca_file": certificates.ca_file, "client_cert": certificates.client_cert}
        two_files = {
            "ca_file": certificates.ca_file,
            "client_cert": certificates.cert_alone,
            "client_key": certificates.key_alone,
        }
        assert read_records(registry.url, one_file) == ONE
        assert read_records(registry.url, two_files) == ONE


def test_without_the_certificate_the_message_says_which_key_names_it(certificates: Certificates) -> None:
    with answering(lambda asked: PAGE, certificates.server(wants_ours=True)) as registry:
        # Under TLS 1.3 the refusal comes after the handshake, and may be lost when the connection is reset.
        with pytest.raises(SourceError) as raised:
            read_pages(registry.url, {"ca_file": certificates.ca_file})
        assert "[rest] client_cert" in str(raised.value)
        stranger = certificates.ca_file.with_name("stranger.pem")
        trustme.CA().issue_cert("x@example").private_key_and_cert_chain_pem.write_to_path(stranger)
        with pytest.raises(SourceError) as raised:
            read_pages(registry.url, {"ca_file": certificates.ca_file, "client_cert": stranger})
        assert "refuses our certificate" in str(raised.value)


def test_a_registry_of_an_unknown_authority_is_not_spoken_to_until_the_authority_is_named(
    certificates: Certificates,
) -> None:
    with answering(lambda asked: PAGE, certificates.server(wants_ours=False)) as registry:
        with pytest.raises(Unreachable) as raised:
            read_pages(registry.url, {})
        assert "[rest] ca_file" in str(raised.value)
        assert registry.asked == []
        assert read_records(registry.url, {"ca_file": certificates.ca_file}) == ONE


def test_a_certificate_without_its_key_is_refused_before_anything_is_asked(certificates: Certificates) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_pages("http://127.0.0.1:1", {"client_cert": certificates.cert_alone})
    assert "[rest] client_cert" in str(raised.value)


def test_a_proxy_named_in_the_source_file_is_gone_through(certificates: Certificates) -> None:
    with proxying() as proxy, answering(lambda asked: PAGE) as registry:
        assert read_records(registry.url, {"proxy": proxy.url}) == ONE
        assert proxy.asked == [f"GET {registry.url}/taxpayer?limit=10 HTTP/1.1"]
    tls = certificates.server(wants_ours=True)
    with proxying() as proxy, answering(lambda asked: PAGE, tls) as registry:
        rest = {"proxy": proxy.url, "ca_file": certificates.ca_file, "client_cert": certificates.client_cert}
        assert read_records(registry.url, rest) == ONE
        assert proxy.asked == [f"CONNECT {registry.url[8:-4]} HTTP/1.1"]


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(b"502 Not for me") as proxy, answering(lambda asked: PAGE) as registry:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert read_records(registry.url, {}) == ONE
        assert proxy.asked == []


def test_a_proxy_that_refuses_or_is_not_there_is_named(certificates: Certificates) -> None:
    tls = certificates.server(wants_ours=False)
    with proxying(b"407 Proxy Authentication Required") as proxy, answering(lambda asked: PAGE, tls) as registry:
        with pytest.raises(SourceError) as raised:
            read_pages(registry.url, {"proxy": proxy.url, "ca_file": certificates.ca_file})
        assert "the proxy refuses" in str(raised.value)
        with pytest.raises(SourceError) as raised:
            read_pages(registry.url.replace("https", "http"), {"proxy": proxy.url})
        assert "[rest] proxy" in str(raised.value)
    with pytest.raises(SourceError) as raised:
        read_pages(registry.url, {"proxy": "http://user:hush@127.0.0.1:1"})
    assert "[rest] proxy" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_no_more_requests_a_second_than_said_tries_included() -> None:
    times: list[float] = []
    replies = itertools.chain([Reply(b"", 503)], itertools.cycle([PAGE]))

    def answer(asked: Asked) -> Reply:
        times.append(time.monotonic())
        reply = next(replies)
        start = int(asked.query.get("page", 1))
        return as_json({"data": [start] if start < 6 else []}) if reply is PAGE else reply

    with answering(answer) as registry:
        rest = {"requests_per_second": 25, "paging": {"kind": "page", "prefetch": 4}}
        assert read_records(registry.url, rest, limit=1) == [1, 2, 3, 4, 5]
    # Against a clock of another thread: a little slack.
    assert times[-1] - times[0] >= (len(times) - 1) / 25 * 0.9
    assert len(times) >= 7


def test_a_registry_that_is_too_slow_for_the_source_file_is_not_waited_for() -> None:
    def answer(asked: Asked) -> Reply:
        time.sleep(0.5)
        return PAGE

    with answering(answer) as registry, pytest.raises(SourceError, match=r"no answer within 0\.1 seconds"):
        read_pages(registry.url, {"timeout_seconds": 0.1, "attempts": 1}, attempts=1)


def test_the_default_profile_says_where_a_registry_without_a_source_file_is_described() -> None:
    with (
        answering(lambda asked: Reply(json.dumps({"rows": []}).encode())) as registry,
        pytest.raises(SourceError) as raised,
    ):
        read_pages(registry.url, None)
    assert "describe the registry in a source file" in str(raised.value)

"""How a registry knows us: what goes with every request, and how none of it gets into a message."""

import base64
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from common.errors import ConfigurationError
from common.settings import RegistrySettings
from connectors.rest.oauth import AccessToken, Post
from connectors.source import Auth, Rest, Secret, read_secret


@dataclass(frozen=True)
class Shown:
    """What one request shows. `token` is the access token in it, if any."""

    headers: Mapping[str, str]
    params: Mapping[str, str]
    token: str | None = None


@dataclass
class Credentials:
    """The credentials of one registry. `remedy` says what to check when they are refused."""

    remedy: str
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    token: AccessToken | None = None
    secrets: tuple[str, ...] = ()

    async def show(self) -> Shown:
        if self.token is None:
            return Shown(self.headers, self.params)
        text = await self.token.text()
        return Shown({**self.headers, "Authorization": f"Bearer {text}"}, self.params, text)

    def renew(self, shown: Shown) -> bool:
        """Whether something fresher can be shown than what was refused."""
        if self.token is None or shown.token is None:
            return False
        self.token.drop(shown.token)
        return True

    def blotted(self, text: str, shown: Shown | None = None) -> str:
        """The text without anything secret a server may have quoted in it."""
        token = (shown.token,) if shown is not None and shown.token else ()
        for secret in sorted((*self.secrets, *token), key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


def credentials_of(access: RegistrySettings, rest: Rest | None, *, registry: str, post: Post) -> Credentials:
    """What `[rest.auth]` says; without it, what `[registries.<name>]` says of OAuth.

    Raises `ConfigurationError` where a secret cannot be found, or lies open where it may not.
    """
    if rest is None or rest.auth is None:
        return _of_settings(access, registry, post)
    assert access.base_url is not None
    auth = rest.auth
    if auth.kind == "none":
        return Credentials(remedy="the registry wants to know who asks: describe it in [rest.auth]")
    kinds: dict[str, Callable[[Auth, str, Post], Credentials]] = {
        "api_key": _api_key,
        "basic": _basic,
        "oauth2": _oauth2,
    }
    return kinds[auth.kind](auth, access.base_url, post)


def _of_settings(access: RegistrySettings, registry: str, post: Post) -> Credentials:
    secret = access.secret(registry=registry)
    keys = f"registries.{registry}"
    if access.token_url is None or access.client_id is None:
        return Credentials(
            remedy=f"the registry wants to know who asks: write {keys}.token_url, client_id and client_secret,"
            " or [rest.auth] in a source file"
        )
    token = AccessToken(keys=keys, url=access.token_url, client_id=access.client_id, secret=secret, post=post)
    return Credentials(
        remedy=f"check {keys}.client_id and client_secret: a fresh token is refused as well",
        token=token,
        secrets=(secret,) if secret else (),
    )


def _api_key(auth: Auth, base_url: str, post: Post) -> Credentials:
    key = _secret(auth.key, "key", base_url)
    shown = auth.prefix + key
    remedy = "check [rest.auth] key with the agency, and whether it goes in header or param"
    if auth.param is not None:
        return Credentials(remedy=remedy, params={auth.param: shown}, secrets=(key,))
    return Credentials(remedy=remedy, headers={auth.header: sendable(shown, "[rest.auth] key")}, secrets=(key,))


def _basic(auth: Auth, base_url: str, post: Post) -> Credentials:
    password = _secret(auth.password, "password", base_url)
    pair = base64.b64encode(f"{auth.user}:{password}".encode()).decode()
    return Credentials(
        remedy="check [rest.auth] user and password with the agency",
        headers={"Authorization": f"Basic {pair}"},
        secrets=(password, pair),
    )


def _oauth2(auth: Auth, base_url: str, post: Post) -> Credentials:
    assert auth.token_url is not None
    assert auth.client_id is not None
    secret = read_secret(auth.client_secret, where="[rest.auth] client_secret", address=auth.token_url)
    token = AccessToken(
        keys="rest.auth", url=auth.token_url, client_id=auth.client_id, secret=secret, scope=auth.scope, post=post
    )
    return Credentials(
        remedy="check [rest.auth] client_id, client_secret and scope: a fresh token is refused as well",
        token=token,
        secrets=(secret,) if secret else (),
    )


def _secret(secret: Secret | None, name: str, address: str) -> str:
    found = read_secret(secret, where=f"[rest.auth] {name}", address=address)
    if not found:
        raise ConfigurationError(
            "the secret is empty", where=f"[rest.auth] {name}", remedy="put the text the agency gave in its place"
        )
    return found


def sendable(text: str, where: str) -> str:
    """The text, if a header can carry it. Raises `ConfigurationError`."""
    if text.isascii() and text.isprintable():
        return text
    raise ConfigurationError(
        "there are characters in it that no HTTP header can carry",
        where=where,
        remedy="copy it again: it may hold a line break, or a dash or quote of a word processor",
    )


def bare_address(base_url: str | None) -> str:
    """The registry's address, in which no password may stand: it goes into messages and manifests."""
    assert base_url is not None
    if urlsplit(base_url).username is not None:
        raise ConfigurationError(
            "a user name in the address would stand in every message",
            where="base_url",
            remedy='write it in [rest.auth]: kind = "basic", user, password',
        )
    return base_url


def client_context(rest: Rest, everyday: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """TLS with our certificate, and trust in the named authority alone (`everyday` without one).

    Raises `ConfigurationError` where a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=rest.ca_file) if rest.ca_file else everyday()
    except OSError as error:
        raise _unusable("ca_file", rest.ca_file, error) from error
    if rest.client_cert is not None:
        try:
            # An empty password: OpenSSL would ask at the keyboard for that of an encrypted key.
            context.load_cert_chain(rest.client_cert, rest.client_key, password="")
        except OSError as error:
            raise _unusable("client_cert", rest.client_cert, error) from error
    return context


def _unusable(key: str, path: Path | None, error: OSError) -> ConfigurationError:
    is_absent = isinstance(error, FileNotFoundError)
    said = "no such file" if is_absent else (getattr(error, "reason", None) or error.strerror or "not readable")
    return ConfigurationError(
        f"the PEM file cannot be used: {said}",
        where=f"[rest] {key} = {path}",
        remedy="name a PEM file that this user may read; a private key without a password, in it or in client_key",
    )

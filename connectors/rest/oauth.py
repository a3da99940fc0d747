"""The access token of one registry: OAuth 2.0 client credentials (RFC 6749, section 4.4), asked for once and shared."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import msgspec
from authlib.oauth2.auth import ClientAuth

from common.errors import SourceError

_LEEWAY_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class TokenAnswer:
    """Status and body of the token endpoint's answer."""

    status: int
    body: bytes


Post = Callable[[str, dict[str, str], str], Awaitable[TokenAnswer]]
"""(url, headers, form) → answer. Raises for an endpoint that cannot be reached or is busy."""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float | str | None = None


class AccessToken:
    """Fetches the token when it is first needed, before it expires, and when the registry refuses it."""

    def __init__(
        self, *, keys: str, url: str, client_id: str, secret: str | None, post: Post, scope: str | None = None
    ) -> None:
        """`keys` is the table of the configuration that holds token_url, client_id and client_secret."""
        self._keys, self._url, self._client_id, self._secret = keys, url, client_id, secret
        self._form = urlencode({"grant_type": "client_credentials"} | ({"scope": scope} if scope else {}))
        self._post = post
        self._text: str | None = None
        self._asking: asyncio.Future[str] | None = None
        self._good_until = 0.0
        # RFC 6749 obliges servers to take Basic and lets them take the form; some take only the form.
        self._methods = ["client_secret_basic", "client_secret_post"] if secret else ["none"]

    async def text(self) -> str:
        # A stopwatch, not the date: how long a token lasts has nothing to do with business time.
        if self._text is not None and time.monotonic() < self._good_until:
            return self._text
        # All datasets wait for one question, and share its failure: a silent host costs one timeout, not one each.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._fetch())
        self._text = await asyncio.shield(self._asking)
        return self._text

    def drop(self, refused: str) -> None:
        """Forget the token the registry refused, unless another request already has a newer one."""
        if self._text == refused:
            self._text = None

    async def _fetch(self) -> str:
        for method in list(self._methods):
            answer = await self._ask(method)
            if answer.status not in (400, 401, 403):
                break
        else:
            raise self._error(f"the token endpoint refuses the client ({answer.status}{_oauth_code(answer.body)})")
        self._methods = [method]
        try:
            granted = msgspec.json.decode(answer.body, type=_Granted, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._error(f"the token endpoint answers {answer.status} without an access_token") from None
        if answer.status != 200:
            raise self._error(f"the token endpoint answers {answer.status}")
        lasts = float(granted.expires_in) if granted.expires_in is not None else float("inf")
        self._good_until = time.monotonic() + lasts - min(_LEEWAY_SECONDS_MAX, lasts / 10)
        return granted.access_token

    async def _ask(self, method: str) -> TokenAnswer:
        client = ClientAuth(self._client_id, self._secret, auth_method=method)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url, headers, form = client.prepare("POST", self._url, headers, self._form)
        return await self._post(url, headers, form)

    def _error(self, what: str) -> SourceError:
        named = ", ".join(f"{self._keys}.{name}" for name in ("token_url", "client_id"))
        return SourceError(
            what,
            where=self._url,
            remedy=f"check {named} and {self._keys}.client_secret with the agency",
        )


def _oauth_code(body: bytes) -> str:
    """The error code of RFC 6749, section 5.2; its description is left out: it may quote what was sent."""
    try:
        code = msgspec.json.decode(body, type=dict[str, object]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f", {code}" if isinstance(code, str) and code.replace("_", "").isalpha() else ""

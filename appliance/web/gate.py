"""Who is asking, and whether they may: sessions, tokens, the control socket; cross-site requests; security headers.

- The control socket needs no sign-in: permission on the file is enough (SPEC 11).
- ``Authorization: Bearer TOKEN`` is not sent by a browser on another page's behalf, so it needs nothing more.
- A session is a signed cookie (HttpOnly, SameSite=Strict). A request that changes something must also come from the
  same origin and carry the session's CSRF token, as header ``X-CSRF-Token`` or form field ``csrf``. The forms before
  sign-in carry one too.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.web.errors import API, Forbidden, NotSignedIn
from appliance.web.server import LOCAL_KEY
from appliance.web.services import Services

SESSION_DAYS = 30
_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = frozenset(
    {"static", "health.healthz", "health.metrics", "signin.sign_in", "signin.first_use", "signin.welcome"}
)
"""Endpoints that need no sign-in."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: with that, browsers send "Origin: null" even from our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Caller:
    """Who asks. ``by`` is for the event log."""

    kind: str  # local, token, session or welcome
    by: str
    still: Callable[[], bool]
    """Whether they may still; for streams, which outlive a sign-out elsewhere."""


class Gate:
    """The checks around every request of one application."""

    def __init__(self, services: Services) -> None:
        self._access = services.access
        self._welcome = services.welcome_token
        self._own_name = socket.gethostname().lower()

    def install(self, app: Flask) -> None:
        app.secret_key = self._access.session_secret
        app.config.update(
            # Cookies know no ports: two appliances on one machine would sign each other out under one name.
            SESSION_COOKIE_NAME="live_pusher_" + hashlib.sha256(app.secret_key).hexdigest()[:8],
            SESSION_COOKIE_HTTPONLY=True,
            SESSION_COOKIE_SAMESITE="Strict",
            SESSION_REFRESH_EACH_REQUEST=False,
            PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        )
        app.before_request(self._before)
        app.after_request(_after)
        app.context_processor(lambda: {"csrf": csrf_token, "signed_in": self.caller() is not None})

    # -- who -----------------------------------------------------------------------------------------------

    def caller(self) -> Caller | None:
        """Who makes the present request; None when nobody is signed in."""
        if "caller" not in g:
            g.caller = self._find()
        found: Caller | None = g.caller
        return found

    def _find(self) -> Caller | None:
        if request.environ.get(LOCAL_KEY):
            return Caller("local", "the command line", lambda: True)
        authorization = request.authorization
        if authorization is not None:
            token = (authorization.token or "") if authorization.type == "bearer" else ""
            name = self._access.check_token(token) if token else None
            return None if name is None else Caller("token", f"token {name}", self._token_holds(token))
        generation = session.get("generation")
        if generation is not None and self._session_holds(generation):
            return Caller("session", "the page", lambda: self._session_holds(generation))
        welcome = session.get("welcome")
        if welcome is not None and self._welcome and hmac.compare_digest(str(welcome), _mark(self._welcome)):
            return Caller("welcome", "the page", lambda: True)
        return None

    def _token_holds(self, token: str) -> Callable[[], bool]:
        return lambda: self._access.check_token(token) is not None

    def _session_holds(self, generation: object) -> bool:
        return self._access.password_set and generation == self._access.generation

    def sign_in(self) -> None:
        """The present session is signed in, by password."""
        self._begin(generation=self._access.generation)

    def sign_in_by_welcome(self, token: str) -> bool:
        """Likewise by the link that the demonstration prints; False when it is not that link."""
        if not self._welcome or not hmac.compare_digest(token.encode(), self._welcome.encode()):
            return False
        self._begin(welcome=_mark(self._welcome))
        return True

    def _begin(self, **content: Any) -> None:
        session.clear()
        session.permanent = True
        session.update(content, csrf=secrets.token_urlsafe(16))

    @staticmethod
    def sign_out() -> None:
        session.clear()

    # -- every request -------------------------------------------------------------------------------------

    def _before(self) -> AnyResponse | None:
        caller = self.caller()
        if caller is None and request.endpoint not in _OPEN:
            if request.path.startswith(API):
                raise NotSignedIn(self._how_to_sign_in())
            return redirect(self._entrance(), 303)
        if request.method not in _SAFE and (caller is None or caller.kind in ("session", "welcome")):
            self._check_cross_site()
        return None

    def _how_to_sign_in(self) -> str:
        if request.authorization is not None:
            return "the token is not valid; live-pusher token create NAME prints a new one"
        if self._access.password_set:
            return "sign in first, or send Authorization: Bearer TOKEN (live-pusher token create NAME prints one)"
        return (
            "no password has been set: open the page first and set one, or send Authorization: Bearer TOKEN "
            "(live-pusher token create NAME prints one), or use the control socket"
        )

    def _entrance(self) -> str:
        if not self._access.password_set:
            return url_for("signin.first_use")
        wanted = request.path if request.endpoint in ("pages.settings", "pages.account") else None
        return url_for("signin.sign_in", next=wanted)

    @staticmethod
    def _check_cross_site() -> None:
        if not _same_origin():
            raise Forbidden("the request comes from another page")
        given = request.headers.get("X-CSRF-Token")
        if given is None and request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data"):
            given = request.form.get("csrf")
        known = session.get("csrf")
        if not given or not known or not hmac.compare_digest(given.encode(), str(known).encode()):
            raise Forbidden(
                "the CSRF token is missing or old (header X-CSRF-Token); load the page again, and allow its cookies"
            )

    # -- first use -----------------------------------------------------------------------------------------

    def host_is_own(self) -> bool:
        """Whether the Host header cannot be a name under somebody else's control. While no password is set, a page on
        the internet could otherwise point its own name at this box and set one (DNS rebinding)."""
        host = (urlsplit(f"//{request.host}").hostname or "").rstrip(".").lower()
        if host in ("localhost", self._own_name) or host.endswith((".local", ".localhost")):
            return True
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return True


def csrf_token() -> str:
    """The session's CSRF token, for forms; made when there is none yet."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(16)
    return str(session["csrf"])


def _same_origin() -> bool:
    """By what the browser says of itself; a client that says nothing is no browser."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


def _mark(welcome: str) -> str:
    return hashlib.sha256(welcome.encode()).hexdigest()[:16]


def _after(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.endpoint == "static":
        answer.headers["Cache-Control"] = "no-cache"  # asked again each time, answered 304
    else:
        answer.headers.setdefault("Cache-Control", "no-store")
    return answer

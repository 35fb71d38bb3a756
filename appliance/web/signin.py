"""First use, sign-in, sign-out, and changing the password: plain forms that work without JavaScript."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance import event_codes
from appliance.errors import LivePusherError, OperationRefused, SettingError
from appliance.web.errors import Forbidden, status_of
from appliance.web.gate import Gate
from appliance.web.services import Services
from appliance.web.throttle import TooManyTries, normal_address

_PLACES = ("/", "/settings", "/account")


def blueprint(services: Services, gate: Gate) -> Blueprint:
    pages = Blueprint("signin", __name__)
    access, events = services.access, services.events

    def show(template: str, *, error: LivePusherError | None = None, **values: object) -> Response:
        answer = make_response(render_template(template, error=error and _sentence(error), **values))
        if error is not None:
            answer.status_code = status_of(error)
            if isinstance(error, TooManyTries):
                answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer

    def account(*, error: LivePusherError | None = None, done: str = "") -> Response:
        return show("account.html", error=error, done=done, **account_values(services))

    def address() -> str:
        return normal_address(request.remote_addr or "unknown")

    def set_password(*, first: bool) -> None:
        new = request.form.get("password", "")
        if new != request.form.get("again", ""):
            raise SettingError({"again": "the two passwords differ"})
        access.set_password(new, first=first)
        events.emit(event_codes.PASSWORD_SET, address=address())

    @pages.route("/sign-in", methods=["GET", "POST"])
    def sign_in() -> AnyResponse:
        place = request.values.get("next", "/")
        place = place if place in _PLACES else "/"
        if gate.caller() is not None:
            return redirect(place, 303)
        if not access.password_set:
            return redirect(url_for(".first_use"), 303)
        if request.method == "GET":
            return show("sign_in.html", place=place)
        try:
            right = access.check_password(request.form.get("password", ""), address())
        except LivePusherError as error:
            return show("sign_in.html", error=error, place=place)
        if not right:
            events.emit(event_codes.SIGN_IN_REFUSED, address=address())
            return show("sign_in.html", error=Forbidden("that is not the password"), place=place)
        gate.sign_in()
        events.emit(event_codes.SIGNED_IN, address=address())
        return redirect(place, 303)

    @pages.route("/first-use", methods=["GET", "POST"])
    def first_use() -> AnyResponse:
        if access.password_set:
            return redirect(url_for(".sign_in"), 303)
        if not gate.host_is_own():
            error = Forbidden(
                "to set the first password, open this page by the box's address (like 192.168.1.20) or by its name "
                "ending in .local"
            )
            return show("first_use.html", error=error, closed=True)
        if request.method == "GET":
            return show("first_use.html")
        try:
            set_password(first=True)
        except LivePusherError as error:
            return show("first_use.html", error=error)
        gate.sign_in()
        return redirect("/", 303)

    @pages.get("/welcome/<token>")
    def welcome(token: str) -> AnyResponse:
        if not gate.sign_in_by_welcome(token):
            return redirect(url_for(".sign_in"), 303)
        events.emit(event_codes.SIGNED_IN, address=address())
        return redirect("/", 303)

    @pages.post("/sign-out")
    def sign_out() -> AnyResponse:
        gate.sign_out()
        return redirect(url_for(".sign_in"), 303)

    @pages.post("/account/password")
    def change_password() -> AnyResponse:
        try:
            if access.password_set and not access.check_password(request.form.get("current", ""), address()):
                events.emit(event_codes.SIGN_IN_REFUSED, address=address())
                raise Forbidden("that is not the present password")
            set_password(first=False)
        except LivePusherError as error:
            return account(error=error)
        gate.sign_in()
        return account(done="The password is changed. Everybody else is signed out.")

    return pages


def account_values(services: Services) -> dict[str, Any]:
    """What the account page shows."""
    return {"password_set": services.access.password_set, "tokens": services.access.tokens()}


def _sentence(error: LivePusherError) -> str:
    reason = "; ".join(error.problems.values()) if isinstance(error, SettingError) else error.reason
    if isinstance(error, SettingError) and "password" in error.problems:
        reason = f"the password is {reason}"
    if isinstance(error, OperationRefused | TooManyTries):
        reason = error.reason
    return f"{reason[:1].upper()}{reason[1:]}."

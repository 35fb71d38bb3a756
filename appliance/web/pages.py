"""The page: three templates around the JSON API, which their scripts use as any other program would."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from appliance.event_codes import TABLE, Severity
from appliance.web.services import Services
from appliance.web.signin import account_values


def blueprint(services: Services) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.app_context_processor
    def everywhere() -> dict[str, Any]:
        name = services.settings.current.device_name
        return {"device_name": name, "version": services.version, "board": services.board}

    @pages.get("/")
    def live() -> str:
        return render_template(
            "live.html",
            arrived=services.arrived is not None,
            simulated=services.simulated is not None,
            codes=TABLE.values(),
            severities=[severity.value for severity in Severity],
        )

    @pages.get("/settings")
    def settings() -> str:
        return render_template("settings.html")

    @pages.get("/account")
    def account() -> str:
        return render_template("account.html", **account_values(services))

    return pages

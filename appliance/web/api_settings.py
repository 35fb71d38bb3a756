"""``/api/v1/settings`` (SPEC 1 and 11): what there is, what is wanted, what is applied; and changes, all or nothing."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from appliance.web.gate import Gate
from appliance.web.requests import Query, json_object
from appliance.web.services import Services


def blueprint(services: Services, gate: Gate) -> Blueprint:
    api = Blueprint("settings", __name__, url_prefix="/api/v1/settings")

    @api.get("")
    def read() -> Response:
        Query().done()
        return jsonify(services.settings.describe())

    @api.patch("")
    def change() -> Response:
        Query().done()
        changes = json_object(required=True)
        caller = gate.caller()
        names = services.settings.change(changes, by=caller.by if caller is not None else "somebody")
        return jsonify({"errMsg": "settings:ok", "changed": names, **services.settings.describe()})

    @api.get("/schema")
    def schema() -> Response:
        Query().done()
        return jsonify(services.settings.schema())

    return api

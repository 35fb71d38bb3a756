"""The Flask application: the page and the API over one set of services."""

from __future__ import annotations

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from appliance.web import (
    api_events,
    api_operations,
    api_pictures,
    api_settings,
    api_simulated,
    api_waiting_image,
    errors,
    metrics,
    openapi,
    pages,
    signin,
)
from appliance.web.gate import Gate
from appliance.web.requests import LONGEST_BODY
from appliance.web.services import Services


class _Json(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False  # settings come in the order of their declaration, events as their columns
    compact = True


def create_app(services: Services) -> Flask:
    """The application. It keeps nothing of its own but counters; everything else lives in ``services``."""
    app = Flask("appliance.web")
    app.json = _Json(app)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    app.config["MAX_FORM_MEMORY_SIZE"] = LONGEST_BODY
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    gate = Gate(services)
    gate.install(app)
    errors.install(app)
    app.register_blueprint(api_operations.blueprint(services, gate))
    app.register_blueprint(api_settings.blueprint(services, gate))
    app.register_blueprint(api_events.blueprint(services, gate))
    app.register_blueprint(api_pictures.blueprint(services, gate))
    app.register_blueprint(api_waiting_image.blueprint(services, gate))
    if services.simulated is not None:
        app.register_blueprint(api_simulated.blueprint(services.simulated))
    app.register_blueprint(metrics.blueprint(services))
    app.register_blueprint(signin.blueprint(services, gate))
    app.register_blueprint(pages.blueprint(services))
    app.register_blueprint(openapi.blueprint(services))
    return app

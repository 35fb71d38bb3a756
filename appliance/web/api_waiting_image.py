"""``/api/v1/waiting-image``: upload a picture to be shown in a pause, look at the one in use, remove it (SPEC 1)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from appliance.web.errors import Invalid, NotFound
from appliance.web.gate import Gate
from appliance.web.requests import LONGEST_PICTURE, LONGEST_PICTURE_BODY, WAITING_IMAGE_PATH, Query
from appliance.web.services import Services

FIELD = "image"


def blueprint(services: Services, gate: Gate) -> Blueprint:
    api = Blueprint("waiting_image", __name__, url_prefix=WAITING_IMAGE_PATH)

    @api.url_value_preprocessor
    def take_a_picture(endpoint: str | None, values: dict[str, Any] | None) -> None:
        # before anything reads the body: the gate looks for the CSRF token in a form
        request.max_content_length = LONGEST_PICTURE_BODY

    def change(**values: object) -> None:
        caller = gate.caller()
        changes = {name.replace("_", "-"): value for name, value in values.items()}
        services.settings.change(changes, by=caller.by if caller is not None else "somebody")

    @api.post("")
    def upload() -> Response:
        Query().done()
        kept = services.waiting_image.upload(_picture())
        change(waiting_image="upload")
        return jsonify({"errMsg": "waitingImage:ok", **kept})

    @api.get("")
    def picture() -> Response:
        Query("t").done()
        jpeg = services.waiting_image.jpeg()
        if jpeg is None:
            reason = services.waiting_image.reason
            raise NotFound(f"the neutral picture is in use{f': {reason}' if reason else ', no waiting image is set'}")
        return Response(jpeg, content_type="image/jpeg")

    @api.delete("")
    def remove() -> Response:
        Query().done()
        change(waiting_image="", waiting_image_hash="")
        services.waiting_image.remove()
        return jsonify({"errMsg": "waitingImage:ok"})

    return api


def _picture() -> bytes:
    """The picture's bytes: the field ``image`` of a form with files, else the body as it is, whatever type it claims."""
    if request.mimetype == "multipart/form-data":
        file = request.files.get(FIELD)
        if file is None:
            raise Invalid({FIELD: "is missing; allowed: the picture as a file, or as the body without a form"})
        data: bytes = file.read(LONGEST_PICTURE + 1)
    else:
        data = request.get_data(cache=False, parse_form_data=False)
    if len(data) > LONGEST_PICTURE:
        raise RequestEntityTooLarge
    return data

"""The page, the JSON API and their servers (SPEC 8 and 11).

:func:`appliance.web.app.create_app` makes the Flask application out of :class:`appliance.web.services.Services`;
:mod:`appliance.web.server` serves it on the network and on the control socket.
"""

"""The RTMP publish session: one push over one connection (SPEC 5).

The parts, from pure to worldly:

``amf0``, ``handshake``, ``chunks``, ``commands``
    The wire format of Adobe's RTMP 1.0 specification, without any I/O; both directions, both sides.
``refusal``
    What a server's status means in plain words, with our own secrets taken out of what it says.
``publish``
    The conversation of a publisher as a state machine: bytes in, bytes and steps out, errors by phase.
``waiting``, ``resolve``, ``dial``, ``uplink``
    The socket's side: one interruptible wait, name resolution, TCP and TLS with deadlines, socket statistics.
``line``, ``watches``, ``session``
    One thread that joins the two. Nobody but this thread ever waits for the server.

Everything a server sends is bounded before it is kept: see the limits at the top of ``amf0`` and ``chunks``.
"""

"""Servers that tests push to: real ones (``nginx``, ``ffmpeg``), TLS in front of any (``tls``), and a ``faulty`` one."""

"""Who may use the page and the API: the password, the key that signs sessions, and the tokens.

Three files in ``secrets/``: ``password`` (a scrypt hash), ``session-key``, ``tokens.json`` (SHA-256 of each token: they
are random, so there is nothing to guess and no need for a slow hash). The command line may change them while the
service runs; the next check sees it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from werkzeug.security import check_password_hash, generate_password_hash

from appliance.errors import OperationRefused, SettingError, StateDirectoryError
from appliance.web.secret_files import SecretFile
from appliance.web.throttle import Throttle, TooManyTries

__all__ = ["Access", "TooManyTries"]

log = logging.getLogger(__name__)

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
LONGEST_TOKEN_NAME = 64
HASH = "scrypt"
"""Method of the password hash: 32 MB and some tenths of a second on a small board."""


class Access:
    """All methods may be called from any thread, and from another process on the same files."""

    def __init__(self, secrets: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``secrets`` is the folder; ``clock`` gives the monotonic seconds of the delays."""
        self._password = SecretFile(secrets / "password")
        self._session_key = SecretFile(secrets / "session-key")
        self._tokens = SecretFile(secrets / "tokens.json")
        self._throttle = Throttle(clock)
        # scrypt takes 32 MB: one at a time, or a board with 512 MB could be talked out of its memory
        self._hashing = threading.Lock()

    # -- the password --------------------------------------------------------------------------------------

    @property
    def password_set(self) -> bool:
        """Whether somebody has set the page's password."""
        return bool(self._password.read())

    @property
    def generation(self) -> str:
        """Changes whenever the password is set; a session made under another generation has ended."""
        return hashlib.sha256((self._password.read() or "").encode()).hexdigest()[:16]

    def set_password(self, text: str, *, first: bool = False) -> None:
        """Set it, which ends every session. Raises SettingError when it is too short or too long, StateDirectoryError
        when it cannot be stored, and with ``first`` OperationRefused when somebody has set one already."""
        if not SHORTEST_PASSWORD <= len(text) <= LONGEST_PASSWORD:
            given = f"{len(text)} characters long; allowed: {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
            raise SettingError({"password": given})
        with self._hashing, self._password.exclusive():
            if first and self.password_set:
                raise OperationRefused("a password has been set already; sign in with it")
            self._password.write(generate_password_hash(text, method=HASH))

    def check_password(self, text: str, address: str) -> bool:
        """Whether ``text`` is the password. ``address`` is who asks; raises :class:`TooManyTries` when that address, or
        everybody together, has tried too often (see :mod:`appliance.web.throttle`)."""
        stored = self._password.read()
        if not stored:
            return False
        self._throttle.begin(address)
        with self._hashing:
            right = len(text) <= LONGEST_PASSWORD and _matches(stored, text)
        if right:
            self._throttle.forgive(address)
        return right

    # -- sessions ------------------------------------------------------------------------------------------

    @property
    def session_secret(self) -> bytes:
        """The key that signs session cookies; made at first use and kept, so that a restart signs nobody out."""
        key = self._session_key.read()
        if not key:
            with self._session_key.exclusive():
                key = self._session_key.read()
                if not key:
                    key = secrets.token_hex(32)
                    self._session_key.write(key)
        return key.encode()

    # -- tokens --------------------------------------------------------------------------------------------

    def create_token(self, name: str) -> str:
        """A new token of that name; shown this once, only its hash is kept. Raises SettingError for a name that is no
        name or is taken, StateDirectoryError."""
        if not (0 < len(name) <= LONGEST_TOKEN_NAME and name.isprintable() and name.strip() == name):
            raise SettingError({"name": f"allowed: 1 to {LONGEST_TOKEN_NAME} printable characters"})
        with self._tokens.exclusive():
            entries = self._entries()
            if any(entry["name"] == name for entry in entries):
                raise SettingError({"name": f"there is a token named {name} already; allowed: another name"})
            token = secrets.token_urlsafe(32)
            created = datetime.now(UTC).isoformat(timespec="seconds")
            self._store([*entries, {"name": name, "sha256": _digest(token), "created": created}])
        return token

    def check_token(self, text: str) -> str | None:
        """The name of the token, None for a text that is none."""
        digest, name = _digest(text), None
        try:
            entries = self._entries()
        except StateDirectoryError as error:
            log.error("tokens are not usable: %s", error.reason)
            return None
        for entry in entries:
            if hmac.compare_digest(entry["sha256"].encode(), digest.encode()):
                name = entry["name"]
        return name

    def tokens(self) -> list[str]:
        """Their names, oldest first."""
        return [entry["name"] for entry in self._entries()]

    def revoke_token(self, name: str) -> None:
        """Raises SettingError when there is none of that name."""
        with self._tokens.exclusive():
            entries = self._entries()
            left = [entry for entry in entries if entry["name"] != name]
            if len(left) == len(entries):
                known = ", ".join(entry["name"] for entry in entries) or "there is none"
                raise SettingError({"name": f"there is no token of that name; known: {known}"})
            self._store(left)

    def _entries(self) -> list[dict[str, str]]:
        text = self._tokens.read()
        if not text:
            return []
        try:
            found: list[Any] = json.loads(text)["tokens"]
            return [{k: str(entry[k]) for k in ("name", "sha256", "created")} for entry in found]
        except (ValueError, KeyError, TypeError) as error:
            # never overwritten: whoever put it there may want to repair it
            raise StateDirectoryError(f"{self._tokens.path} is damaged; repair or delete it") from error

    def _store(self, entries: list[dict[str, str]]) -> None:
        self._tokens.write(json.dumps({"tokens": entries}, indent=2) + "\n")


def _matches(stored: str, text: str) -> bool:
    try:
        return check_password_hash(stored.strip(), text)
    except ValueError:  # not a hash, or a text that has no encoding
        log.error("the stored password is damaged, or what was entered is no text")
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

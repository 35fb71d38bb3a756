"""Tokens of the JSON API. They are made and revoked in the state directory, whether the service runs or not."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from appliance.errors import StateDirectoryError
from appliance.system.instance import StateDirectory


def token(arguments: argparse.Namespace) -> int:
    from appliance.web.access import Access

    if arguments.action != "list" and not arguments.name:
        print(f"live-pusher: token {arguments.action}: a NAME is needed", file=sys.stderr)
        return 2
    folder = StateDirectory(arguments.state_dir).secrets
    if arguments.action == "create":
        _make(folder)
    access = Access(folder)
    try:
        if arguments.action == "create":
            made = access.create_token(arguments.name)
            print(made)
            print("This is shown once. Use it as: Authorization: Bearer TOKEN", file=sys.stderr)
        elif arguments.action == "revoke":
            access.revoke_token(arguments.name)
        else:
            for name in access.tokens():
                print(name)
    except PermissionError as error:
        raise _denied(error) from error
    finally:
        _give_to_owner(folder)
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _denied(error) from error


def _give_to_owner(folder: Path) -> None:
    """What root has made for a service that runs as somebody else must be that one's to read."""
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.parent.stat()
    for path in (folder, *folder.iterdir()):
        if path.lstat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _denied(error: OSError) -> StateDirectoryError:
    why = (error.strerror or str(error)).lower()
    return StateDirectoryError(f"{error.filename}: {why}; run this as the service's user or with sudo")

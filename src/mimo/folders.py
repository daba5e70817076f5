"""Where a user's programs keep their settings and their data on this system. Knows nothing of what is kept there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_SYSTEM = os.uname().sysname if hasattr(os, "uname") else ""


def config_folder(environment: Mapping[str, str] = os.environ, system: str = _SYSTEM) -> Path:
    """For settings: `~/.config/mimo`, unless `XDG_CONFIG_HOME` names another place than `~/.config`."""
    return _folder(environment, system, "XDG_CONFIG_HOME", ".config")


def data_folder(environment: Mapping[str, str] = os.environ, system: str = _SYSTEM) -> Path:
    """For data: `~/.local/share/mimo`, unless `XDG_DATA_HOME` names another place than `~/.local/share`."""
    return _folder(environment, system, "XDG_DATA_HOME", ".local/share")


def _folder(environment: Mapping[str, str], system: str, variable: str, usual: str) -> Path:
    home = Path(environment.get("HOME") or Path.home())
    if system == "Darwin":
        return home / "Library" / "Application Support" / "mimo"
    named = Path(environment.get(variable, ""))
    return (named if named.is_absolute() else home / usual) / "mimo"

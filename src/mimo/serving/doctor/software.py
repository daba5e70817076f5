"""Versions: Python, mimo, and the packages that mimo asks for."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib import metadata

from mimo import __version__
from mimo.config import Settings
from mimo.serving.doctor.base import Finding

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")
_NOT_TO_SERVE = {"train"}
"""Extras that no server wants."""


def versions(_: Settings) -> Iterator[Finding]:
    """mimo, Python and the system."""
    yield Finding("ok", f"mimo {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")


def packages(_: Settings) -> Iterator[Finding]:
    """What is asked for must be there; an extra may be missing."""
    try:
        required = metadata.requires("mimo") or []
    except metadata.PackageNotFoundError:
        yield Finding("note", "mimo is not installed as a package, so that its packages are not known")
        return
    plain = [_name(row) for row in required if "extra ==" not in row and "python_version" not in row]
    found = {name: _version(name) for name in plain}
    if missing := [name for name, version in found.items() if version is None]:
        yield Finding("wrong", f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")
    yield Finding("ok", ", ".join(f"{name} {version}" for name, version in found.items() if version))
    extras: dict[str, list[str]] = {}
    for row in required:
        if (extra := _EXTRA.search(row)) and extra[1] not in _NOT_TO_SERVE and _version(_name(row)) is None:
            extras.setdefault(extra[1], []).append(_name(row))
    for name, absent in extras.items():
        yield Finding("note", f"extra {name} is not installed: {', '.join(absent)}", f"pip install 'mimo[{name}]'")


def _name(requirement: str) -> str:
    found = _REQUIREMENT.match(requirement)
    return found[1] if found else requirement


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None

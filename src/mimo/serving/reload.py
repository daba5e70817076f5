"""SIGHUP: read the settings again and take those that can change while requests run; streams go on.

A settings file with a mistake changes nothing, and the log says which. A server whose terminal was closed ends, as it
always did: that is what the signal meant first.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from dataclasses import fields

from mimo.api.access import names_of
from mimo.api.app import App
from mimo.api.policy import Policy
from mimo.config import Settings, model_rows
from mimo.contract.errors import StartError
from mimo.serving.granian import check_exposure

log = logging.getLogger("mimo.serving")
Load = Callable[[], Settings]
"""Reads flags, environment and file again. Raises `ConfigError`."""


def policy_of(settings: Settings) -> Policy:
    """The settings that are fields of the policy: they have the same names."""
    return Policy(**{name: getattr(settings, name) for name in _of_policy()})


def hosts_of(settings: Settings, keys: bool) -> frozenset[str] | None:
    """The names that requests may come by. A web page has no key: with `keys` any name will do."""
    if settings.allowed_hosts:
        return names_of(settings.host) | {name.lower() for name in settings.allowed_hosts}
    return None if keys else names_of(settings.host)


def _of_policy() -> set[str]:
    return {row.name for row in fields(Settings)} & {row.name for row in fields(Policy)}


TAKEN = frozenset({"api_keys", "models", "aliases", "cors_origin", "allowed_hosts", *_of_policy()})
"""Settings that take effect at once; the others need a restart."""


class Reload:
    """What a process does on SIGHUP: `settings` are those it runs with, `take` is called with those it should. `quiet`:
    another process says what has changed."""

    def __init__(self, settings: Settings, load: Load, take: Callable[[Settings], None], quiet: bool = False) -> None:
        self._settings, self._load, self._take, self._quiet = settings, load, take, quiet
        self._terminal = _has_terminal()

    def __call__(self, *_: object) -> None:
        """Read and take the settings, or say why not."""
        if self._terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
            return
        try:
            new = self._load()
            self._take(new)
        except StartError as problem:
            log.error("the settings stay as they are: %s", problem)
            return
        if not self._quiet:
            self._say(new)
        self._settings = new

    def _say(self, new: Settings) -> None:
        old = self._settings
        changed = [row.name for row in fields(Settings) if getattr(new, row.name) != getattr(old, row.name)]
        taken = [name for name in changed if name in TAKEN]
        log.warning("settings read again: %s", f"{', '.join(taken)} changed" if taken else "nothing has changed")
        if waiting := [name for name in changed if name not in TAKEN and name != "workers"]:
            log.warning("these take effect at the next start: %s", ", ".join(waiting))


def take_settings(app: App, settings: Settings) -> None:
    """Answer by `settings` from now on. Raises `ConfigError`, and `ServeError` for what would be open to others."""
    models = model_rows(settings)
    with_keys = bool(settings.api_keys) or (app.backend.accounts is not None and app.backend.accounts.on)
    check_exposure(with_keys, settings.host, settings.insecure)
    app.take(models, settings.api_keys, policy_of(settings), settings.cors_origin, hosts_of(settings, with_keys))


def _has_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False

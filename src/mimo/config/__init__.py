"""The settings of a server: what there is (`settings`), where values come from (`load`, `file`), and help with a file.

The only reader of flags, environment and settings file.
"""

from __future__ import annotations

from mimo.config.load import load_settings
from mimo.config.models import model_rows
from mimo.config.settings import DEFAULTS, SETTINGS, ConfigError, Setting, Settings, default_text, number_text

__all__ = [
    "DEFAULTS",
    "SETTINGS",
    "ConfigError",
    "Setting",
    "Settings",
    "default_text",
    "load_settings",
    "model_rows",
    "number_text",
]

"""The store of accounts, for the commands that read or change it."""

from __future__ import annotations

from typing import Any

from mimo.cli.options import setting_options
from mimo.config import SETTINGS, Settings
from mimo.folders import data_folder

WHERE = setting_options(leave_out=[name for name in SETTINGS if name not in ("accounts", "data_dir")])
"""Where the store is."""


def store_of(settings: Settings) -> Any:
    """The store that a server with these settings uses. Raises `StoreProblem`."""
    from mimo.accounts.store.store import Store, store_url

    return Store(store_url(settings.accounts, settings.data_dir or data_folder()))

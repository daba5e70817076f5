"""Where settings and data lie."""

from __future__ import annotations

from pathlib import Path

from mimo.folders import config_folder, data_folder


def test_data_are_where_a_users_programs_keep_them() -> None:
    assert data_folder({"HOME": "/h"}, "Linux") == Path("/h/.local/share/mimo")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "/d"}, "Linux") == Path("/d/mimo")
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "relative"}, "Linux") == Path("/h/.local/share/mimo")
    assert data_folder({"HOME": "/h"}, "Darwin") == Path("/h/Library/Application Support/mimo")


def test_settings_are_where_a_users_programs_keep_them() -> None:
    assert config_folder({"HOME": "/h"}, "Linux") == Path("/h/.config/mimo")
    assert config_folder({"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "Linux") == Path("/c/mimo")

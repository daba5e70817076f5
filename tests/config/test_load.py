"""Settings: three sources, one order, and errors that name the source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mimo.config import SETTINGS, ConfigError, Settings, load_settings, model_rows
from mimo.config.settings import Setting


def test_the_flag_wins_over_the_variable_and_the_variable_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    file.write_text('port = 1\nslots = 2\nqueue = 3\nhost = "::1"\n')
    settings = load_settings(
        {"port": 11, "slots": None}, file=file, environment={"MIMO_PORT": "21", "MIMO_SLOTS": "22"}
    )
    assert (settings.port, settings.slots, settings.queue, settings.host) == (11, 22, 3, "::1")


def test_nothing_given_means_the_defaults() -> None:
    assert load_settings({}, environment={}) == Settings()


def test_lists_are_comma_separated_outside_the_file(tmp_path: Path) -> None:
    assert load_settings({}, environment={"MIMO_API_KEYS": "one, two,"}).api_keys == ("one", "two")
    file = tmp_path / "mimo.toml"
    file.write_text('api_keys = ["three"]\n')
    assert load_settings({}, file=file, environment={}).api_keys == ("three",)


@pytest.mark.parametrize("variable", ["MIMO_API_KEYS", "MIMO_UPSTREAM", "MIMO_CORS_ORIGIN", "MIMO_MEDIA"])
@pytest.mark.parametrize("text", [",", " , ", " "])
def test_a_list_of_nothing_is_refused_for_nobody_means_it(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable}: .* must name at least one"):
        load_settings({}, environment={variable: text})


def test_a_blank_key_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    file.write_text('api_keys = ["secret", " "]\n')
    with pytest.raises(ConfigError, match="api_keys must not be blank"):
        load_settings({}, file=file, environment={})


WRONG = {int: ["abc", "1.5", "nan", "-99999999999"], float: ["abc", "nan", "inf", "-1"], bool: ["perhaps", "2"]}
"""What no number and no switch may be; texts must be printable."""


def wrong_values(row: Setting) -> list[str]:
    return ["nonsense"] if row.choices else WRONG.get(row.kind, ["\x1b[31mred", "a\nb", " "])


@pytest.mark.parametrize("row", [row for row in SETTINGS.values() if row.flag], ids=lambda row: row.name)
def test_every_setting_refuses_what_it_cannot_be_in_one_line_from_every_source(row: Setting, tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    for value in wrong_values(row):
        file.write_text(f"{row.name} = {json.dumps(value)}\n")
        sources: list[tuple[str, dict[str, object], dict[str, str], Path | None]] = [
            (row.option, {row.name: value}, {}, None),
            (row.variable, {}, {row.variable: value}, None),
            (f"{file}, line 1", {}, {}, file),
        ]
        for origin, flags, environment, read in sources:
            with pytest.raises(ConfigError) as problem:
                load_settings(flags, environment=environment, file=read)
            said = str(problem.value)
            assert said.startswith(f"{origin}: {row.name} must ") and said.isprintable()


@pytest.mark.parametrize(
    ("flags", "environment", "words"),
    [
        ({"port": 99999}, {}, "--port: port must be between 0 and 65535, got 99999"),
        ({}, {"MIMO_SLOTS": "many"}, "MIMO_SLOTS: slots"),
        ({"engine": "magic"}, {}, "--engine: engine must be one of local, scripted"),
        ({}, {"MIMO_DRAIN_SECONDS": "-1"}, "MIMO_DRAIN_SECONDS: drain_seconds must be between"),
        ({"slots": 0}, {}, "--slots: slots must be between 2"),
    ],
)
def test_a_bad_value_is_named_with_its_source(
    flags: dict[str, object], environment: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError) as problem:
        load_settings(flags, environment=environment)
    assert words in str(problem.value)


def test_media_are_named_or_turned_off(tmp_path: Path) -> None:
    assert Settings().media is None
    for flag, expected in (("image, audio", ("image", "audio")), ("none", ())):
        assert load_settings({"media": flag}, environment={}).media == expected
        assert load_settings({}, environment={"MIMO_MEDIA": flag}).media == expected
    file = tmp_path / "mimo.toml"
    file.write_text('media = ["video"]\nallow_media_urls = true\n')
    settings = load_settings({}, file=file, environment={})
    assert (settings.media, settings.allow_media_urls) == (("video",), True)
    with pytest.raises(ConfigError, match="--media: media"):
        load_settings({"media": "smell"}, environment={})


def test_an_unknown_key_and_a_broken_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    for text, words in (("prot = 1\n", "unknown setting prot"), ("port = \n", "mimo.toml")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            load_settings({}, file=file, environment={})
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_settings({}, file=tmp_path / "none.toml", environment={})


def test_own_models_and_aliases_are_full_rows(tmp_path: Path) -> None:
    file = tmp_path / "mimo.toml"
    file.write_text(
        '[aliases]\n"gpt-4o-mini" = "mimo-v2-pro"\n'
        '[[models]]\nid = "team"\nlike = "mimo-v2-flash"\nmax_completion_tokens = 8000\n'
    )
    rows = model_rows(load_settings({}, file=file, environment={}))
    assert rows["gpt-4o-mini"].max_completion_tokens == rows["mimo-v2-pro"].max_completion_tokens
    assert rows["gpt-4o-mini"].thinking
    assert (rows["team"].max_completion_tokens, rows["team"].context_window) == (8000, 262_144)


@pytest.mark.parametrize(
    "text",
    [
        '[[models]]\nlike = "mimo-v2-flash"',
        '[aliases]\na = "none"',
        '[[models]]\nid = "a"\nx = 1',
        '[[models]]\nid = "a"\ntable = {}',
        '[[models]]\nid = "a"\nparameters = {}',
    ],
)
def test_a_model_row_that_makes_no_sense_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mimo.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match="models"):
        model_rows(load_settings({}, file=file, environment={}))

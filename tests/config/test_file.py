"""The settings file: found at a usual place, an example of it, and every mistake with its line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mimo.config import DEFAULTS, SETTINGS, ConfigError, Settings, load_settings
from mimo.config.check import mistakes
from mimo.config.example import example
from mimo.config.file import default_path, read


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_file_at_the_usual_place_is_read(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    assert load_settings({}, environment=environment) == Settings()
    write(default_path(environment), "port = 9\n")
    assert load_settings({}, environment=environment).port == 9
    assert load_settings({}, environment={**environment, "MIMO_PORT": "10"}).port == 10


def test_a_named_file_is_read_instead_of_the_usual_one(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    write(default_path(environment), "port = 9\nslots = 9\n")
    named = {**environment, "MIMO_CONFIG": str(write(tmp_path / "named.toml", "port = 10\n"))}
    assert load_settings({}, environment=named) == Settings(port=10)
    flagged = write(tmp_path / "flagged.toml", "port = 11\n")
    assert load_settings({}, file=flagged, environment=named) == Settings(port=11)
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_settings({}, environment={**environment, "MIMO_CONFIG": str(tmp_path / "none.toml")})


def test_the_example_changes_nothing_as_it_stands() -> None:
    assert tomllib.loads(example()) == {}


def test_every_setting_is_in_the_example_with_its_default_and_can_be_uncommented(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=[a-z_]+ = |\[+[a-z]+\]+$|\")", "", example(), flags=re.M)
    file = write(tmp_path / "all.toml", text)
    given = tomllib.loads(text)
    assert list(given) == [name for name, row in SETTINGS.items() if row.flag] + ["models", "aliases"]
    settings = load_settings({}, file=file, environment={})
    for name in SETTINGS:
        if (default := getattr(DEFAULTS, name)) not in (None, (), {}):
            assert getattr(settings, name) == default, name
    assert {words.partition(": ")[2][:23] for _, words in mistakes(file)} == {"the local engine does n"}


def test_every_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    lines = {
        'port = "abc"': 'port must be a whole number between 0 and 65535, got "abc"',
        "prot = 3": "unknown setting prot; did you mean port?",
        "# a comment": "",
        "slots = [\n  1,\n  2,\n]": "slots must be a whole number between 2 and 256, got [1, 2]",
        "this is no toml": "Expected '='",
        "queue = -1": "queue must be between 0 and 1,000,000, got -1",
        'strict = "maybe"': 'strict must be true or false, got "maybe"',
        'api_keys = ["a", " "]': "api_keys must not be blank",
        'media = ["smell"]': "media must be one of image, audio, video, got smell",
        "model = 3": "model must be a path, got 3",
        'upstream = "http://x"': "upstream: the local engine does not read it",
        "host = '''\n::1'''": "",
        "drain_seconds = 1979-05-27": 'drain_seconds must be a number between 0 and 86400, got "datetime.date',
        '[[models]]\nid = "a"': "",
        'max_completion_tokens = "x"': "max_completion_tokens: must be a whole number",
        '[[models]]\nid = "b"\nlike = "a"': "",
        "windw = 3": "there is no field windw",
        "context_window = -3": "must not be negative, got -3",
        "requests_per_minute = 0": "requests_per_minute: must be between 1 and 10,000,000,000, got 0",
        "tokens_per_minute = 1_000_000_000_000": "tokens_per_minute: must be between 1 and",
        "prices = [{input = 1, cached_input = 2, output = 3, abov = 3}]": "there is no abov in a price",
        '[[models]]\nid = "a\\nb"': "a row needs an id, a text of printable characters",
        '[aliases]\n"ok" = "mimo-v2-pro"': "",
        'a = "nix"': "there is no model 'nix'",
    }
    expected, number = [], 1
    for line, words in lines.items():
        expected += [(number, words)] if words else []
        number += line.count("\n") + 1
    # the model a was not made, so that b cannot be like it: a line of its own
    like = next(n for n, text in enumerate("\n".join(lines).split("\n"), 1) if text == 'like = "a"')
    expected = sorted([*expected, (like, "models: like must be one of mimo-v2-pro")])
    found = mistakes(write(tmp_path / "bad.toml", "\n".join(lines)))
    assert [line for line, _ in found] == [line for line, _ in expected]
    for (_, said), (_, words) in zip(found, expected, strict=True):
        assert words in said


def test_a_start_names_the_file_and_the_line_of_the_first_mistake(tmp_path: Path) -> None:
    for text, line in (("\n\nport = 99999\n", 3), ("\nprot = 1\n", 2), ('\n[aliases]\n\na = "nix"\n', 4)):
        with pytest.raises(ConfigError, match=rf"mimo\.toml, line {line}: "):
            load_settings({}, file=write(tmp_path / "mimo.toml", text), environment={})


@pytest.mark.parametrize(("text", "line"), [("a = [1,\n", 2), ('a = """\n', 2), ("= 1\n= 2\nport = 1", 1)])
def test_what_is_never_closed_is_one_mistake_and_what_follows_a_bad_line_is_still_checked(
    tmp_path: Path, text: str, line: int
) -> None:
    assert mistakes(write(tmp_path / "bad.toml", text))[0][0] == line


def test_a_large_file_is_checked_in_seconds(tmp_path: Path) -> None:
    rows = "\n".join(f'a{number} = "mimo-v2-pro"' for number in range(2000))
    file = read(write(tmp_path / "large.toml", f'[aliases]\n{rows}\nb = "x"\n'))
    assert file.line(("aliases", "b")) == 2002
    assert file.line(("aliases", "a0")) == 2
    assert file.line(("aliases", "none")) == 1


def test_a_file_of_another_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfport = 9\r\nqueue = 3\r\n")
    assert load_settings({}, file=file, environment={}) == Settings(port=9, queue=3)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        None,
        b"a = " + b"[" * 5000 + b"]" * 5000,
        b"aliases." + b"a." * 5000 + b"a = 1",
        b"#" * 2**20 + b"#",
        b"a = 1\0",
    ],
    ids=["no text", "none", "deep lists", "deep keys", "large", "zero"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "x.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.toml"):
        load_settings({}, file=file, environment={})
    try:
        assert mistakes(file)
    except ConfigError as problem:
        assert "x.toml" in str(problem)

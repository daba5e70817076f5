"""`mimo launch` and deploy/: commands from recipes, a supervisor, and files that say what mimo really takes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from mimo.api.routes import ROUTES
from mimo.config import Settings
from mimo.contract.errors import StartError
from mimo.engines import ENGINES
from mimo.engines.upstream.recipes import launch, recipes
from mimo.serving.supervise import supervise

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))


def documents() -> list[dict[str, Any]]:
    return [one for file in FILES for one in yaml.safe_load_all(file.read_text())]


RECIPES = [row for name, engine in ENGINES.items() if engine.launched for row in recipes(name)]


@pytest.mark.parametrize("row", RECIPES, ids=lambda row: f"{row.engine}-{row.model}")
def test_every_recipe_fills_in(row):
    made = launch(row.engine, row.model, port=1234)
    assert not any("{" in part for part in made.command if not part.startswith('{"'))
    assert "1234" in made.command
    if row.weights:
        assert row.weights in made.command
        assert launch(row.engine, row.weights).command == launch(row.engine, row.model).command
        assert launch(row.engine, row.model.lower()).command == launch(row.engine, row.model).command


def test_other_weights_take_the_engine_s_plain_recipe_and_more_arguments():
    made = launch("vllm", "somebody/model", gpus=2, more=("--seed", "1"))
    assert made.command[:3] == ("vllm", "serve", "somebody/model")
    assert made.command[-2:] == ("--seed", "1")
    assert made.command[made.command.index("--tensor-parallel-size") + 1] == "2"


@pytest.mark.parametrize(("engine", "model", "gpus"), [("vllm", "MiMo-V2-Flash", 3), ("tgi", "MiMo-V2-Flash", None)])
def test_what_no_recipe_knows_is_said(engine, model, gpus):
    with pytest.raises(StartError):
        launch(engine, model, gpus=gpus)


def test_the_command_is_printed_as_a_shell_takes_it():
    command = [sys.executable, "-m", "mimo", "launch", "vllm", "MiMo-V2.6-Flash", "--", "--seed", "1"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.count("\n") == 1
    assert """--hf-overrides '{"moe_router_dtype":"bfloat16"}'""" in said.stdout
    assert said.stdout.endswith("--seed 1\n")


async def test_a_supervised_engine_that_dies_is_started_again(tmp_path):
    count = tmp_path / "count"
    script = f"echo x >> {count}; test $(wc -l < {count}) -ge 3"  # fails twice, then ends well
    said: list[str] = []
    assert await supervise(["sh", "-c", script], {}, said.append, pause=0.01) == 0
    assert count.read_text().count("x") == 3
    assert len(said) == 2


async def test_an_engine_that_never_comes_up_is_given_up():
    with pytest.raises(StartError, match="3 times"):
        await supervise(["sh", "-c", "exit 7"], {}, lambda line: None, pause=0.01)
    with pytest.raises(StartError, match="cannot run"):
        await supervise(["no-such-program"], {}, lambda line: None)


async def test_a_signal_is_passed_on_and_ends_the_supervision():
    running = asyncio.create_task(supervise(["sleep", "60"], {}, lambda line: None))
    await asyncio.sleep(0.3)
    begun = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == -signal.SIGTERM
    assert time.monotonic() - begun < 40


def test_the_deployment_files_are_yaml_with_what_kubernetes_asks_for():
    assert len(FILES) == 4
    for document in documents():
        assert "services" in document or {"apiVersion", "kind", "metadata", "spec"} <= set(document)


def containers(value: Any) -> list[dict[str, Any]]:
    """Everything that is started, in compose or Kubernetes."""
    if isinstance(value, list):
        return [found for one in value for found in containers(one)]
    if not isinstance(value, dict):
        return []
    own = [value] if "image" in value or "build" in value else []
    return own + [found for one in value.values() for found in containers(one)]


def test_every_flag_of_mimo_in_them_is_a_setting():
    flags = {f"--{row.name.replace('_', '-')}" for row in fields(Settings)}
    arguments = [
        argument
        for container in containers(documents())
        for argument in container.get("args") or container.get("command") or ()
        if "serve" in (container.get("args") or container.get("command") or ())
    ]
    assert len(arguments) > 10
    for argument in arguments:
        assert argument == "serve" or argument.partition("=")[0] in flags, argument


def test_every_server_has_probes_and_mimo_s_are_routes():
    paths = {path for _, path in ROUTES.table}
    started = [one for one in containers(documents()) if "name" in one and "ports" in one]
    assert len(started) == 3
    for container in started:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[probe]["httpGet"]["path"]
            assert path in paths if container["name"] == "mimo" else path == "/health"


@pytest.mark.parametrize(("file", "engine", "model"), [("vllm.yaml", "vllm", "MiMo-V2-Flash")])
def test_the_engine_s_arguments_are_the_recipe_s(file, engine, model):
    (container,) = [one for one in containers(list(yaml.safe_load_all((DEPLOY / "kubernetes" / file).read_text())))]
    recipe = launch(engine, model, port=8001).command
    for argument in container["args"]:
        name, _, value = argument.partition("=")
        assert name == "--model" or (name in recipe and (not value or value in recipe)), argument

"""`mimo launch` and deploy/: commands from recipes, a supervisor, and files that say what mimo really takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.engines.upstream.fakes import free_port
from tests.engines.upstream.tiny_hub import write_model

import mimo
from mimo.api.routes import ROUTES
from mimo.config import Settings
from mimo.contract.errors import StartError
from mimo.engines import ENGINES
from mimo.engines.upstream.recipes import launch, recipes
from mimo.serving.supervise import supervise

DEPLOY = Path(__file__).parents[3] / "deploy"
FILES = [DEPLOY / "compose.yaml", *sorted((DEPLOY / "kubernetes").glob("*.yaml"))]
"""What starts servers."""


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


TWO_NODES = ("--host", "--nnodes", "--node-rank", "--dist-init-addr")
"""What an engine over several nodes gets in addition."""


@pytest.mark.parametrize(
    ("file", "engine", "model", "besides"),
    [
        ("compose.yaml", "vllm", "MiMo-V2-Flash", ()),
        ("kubernetes/vllm.yaml", "vllm", "MiMo-V2-Flash", ()),
        ("kubernetes/sglang-multinode.yaml", "sglang", "MiMo-V2.5-Pro", TWO_NODES),
    ],
)
def test_an_engine_is_started_as_launch_prints_it(file, engine, model, besides):
    made = launch(engine, model, port=8001)
    found = containers(list(yaml.safe_load_all((DEPLOY / file).read_text())))
    started = [one for one in found if engine in one["image" if "image" in one else "build"]]
    assert started
    for container in started:
        words = [*container.get("entrypoint", ()), *container.get("command", ()), *container.get("args", ())]
        flat = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
        assert flat[: len(made.command)] == list(made.command)
        assert set(flat[len(made.command) :: 2]) == set(besides)
        given = {row["name"]: row["value"] for row in container.get("env", ())}
        assert made.environment.items() <= given.items()


def test_a_front_is_given_the_tokenizer_of_what_its_engine_serves():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    made = launch("vllm", "MiMo-V2-Flash", port=8001)
    assert f"--tokenizer={made.weights}" in services["mimo"]["command"]
    (cache,) = [volume for volume in services["mimo"]["volumes"] if volume.startswith("models:")]
    assert services["mimo"]["environment"]["HF_HOME"] == cache.split(":")[1]
    assert "models:/root/.cache/huggingface" in services["vllm"]["volumes"]


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_takes_its_file_once_keys_are_set():
    command = ["docker-compose", "-f", str(DEPLOY / "compose.yaml"), "config"]
    environment = {name: value for name, value in os.environ.items() if name != "MIMO_API_KEYS"}
    refused = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert refused.returncode and "set the keys that clients may send" in refused.stderr
    taken = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**environment, "MIMO_API_KEYS": "x"}
    )
    assert taken.returncode == 0, taken.stderr


def named(document: dict[str, Any], name: str) -> bool:
    return bool(document["metadata"]["name"] == name)


def test_a_pod_is_stopped_only_after_the_service_has_heard_of_it():
    (pod,) = [one["spec"]["template"] for one in documents() if one.get("kind") == "Deployment" and named(one, "mimo")]
    (container,) = pod["spec"]["containers"]
    seconds = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    (drain,) = [int(one.partition("=")[2]) for one in container["args"] if one.startswith("--drain-seconds=")]
    assert pod["spec"]["terminationGracePeriodSeconds"] > seconds + drain


def test_prometheus_is_sent_to_a_route_that_there_is():
    annotations = [
        one["spec"]["template"]["metadata"].get("annotations", {})
        for one in documents()
        if one.get("kind") == "Deployment"
    ]
    paths = [found["prometheus.io/path"] for found in annotations if found.get("prometheus.io/scrape") == "true"]
    assert paths == ["/metrics"] and ("GET", "/metrics") in ROUTES.table


def test_the_image_is_made_of_files_that_the_build_context_has():
    copied = [
        word
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ")
        for word in line.split()[1:-1]
    ]
    kept = {line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == kept
    assert all((DEPLOY.parent / name).exists() for name in copied)


ENGINE = """#!{python}
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

SAYS = {{
    "/health": None, "/version": {{"version": "1"}},
    "/v1/models": {{"data": [{{"id": sys.argv[2], "root": sys.argv[2], "max_model_len": 64}}]}},
}}

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps(SAYS[self.path]).encode() if self.path in SAYS else b""
        self.send_response(200 if self.path in SAYS else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

port = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
"""A program called vllm that serves nothing, and says that it serves what it was started on."""


def test_both_commands_work_as_they_are_printed(tmp_path, monkeypatch):
    """On one machine: the engine has the weights in the hub's cache, where mimo finds the tokenizer."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "vllm").write_text(ENGINE.format(python=sys.executable))
    (programs / "mimo").write_text(f'#!/bin/sh\nexec {sys.executable} -m mimo "$@" --port 0\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    snapshot = tmp_path / "hub" / "models--XiaomiMiMo--MiMo-V2-Flash" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    write_model(snapshot)
    environment = {
        **os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HF_HUB_CACHE": str(tmp_path / "hub"),
        "PYTHONPATH": str(Path(mimo.__file__).parents[1]),
    }  # fmt: skip
    command = f"mimo launch vllm MiMo-V2-Flash --port {free_port()}"
    said = subprocess.run(
        [sys.executable, "-m", *command.split()], capture_output=True, text=True, timeout=120, check=True
    )
    first, second = said.stdout, said.stderr.splitlines()[0].removeprefix("then: ")
    with contextlib.ExitStack() as stack:
        for line in (first, second):
            process = stack.enter_context(
                subprocess.Popen(f"exec {line}", shell=True, env=environment, stderr=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
        banner = ""
        assert process.stderr is not None
        for line in process.stderr:
            banner += line
            if "/v1" in line:
                break
        assert "MiMo-V2-Flash" in banner and "vllm" in banner and "/v1" in banner

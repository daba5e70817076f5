"""Harnesses that people measure models with, unmodified and each in an environment of its own, against nano.

The environments are made under .cache/ at the first run, which takes minutes; one that cannot be made is skipped with
the last words of pip. Nothing is fetched but packages: tasks, prompts and tokenizers are made here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimo.testing import served

pytestmark = [pytest.mark.suites, pytest.mark.timeout(1800)]
CACHE = Path(__file__).parents[2] / ".cache"
TORCH = "torch==2.13.0"  # a build for CPUs: without it pip takes the newest, gigabytes of CUDA with it
PACKAGES = {
    "lm-eval": (TORCH, "lm-eval[api]==0.4.13"),
    "guidellm": (TORCH, "guidellm==0.8.1"),
    "inspect": ("inspect-ai==0.3.285", "openai"),
    "aiperf": ("aiperf==0.13.0",),
}
MODEL = "mimo-v2-flash"
QUESTIONS = [
    {"question": "What colour is the sky?", "choices": ["blue", "green", "loud"], "answer": 0},
    {"question": "How many legs has a dog?", "choices": ["four", "nine", "red"], "answer": 0},
]
TASK = """task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
"""
CHOICE = """output_type: multiple_choice
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list: [{metric: acc}]
"""
GENERATE = """output_type: generate_until
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, temperature: 0}
metric_list: [{metric: exact_match}]
"""
INSPECT = """from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

@task
def greeting():
    return Task(dataset=[Sample(input="Say hello", target="hello"), Sample(input="Hi", target="hi")], scorer=includes())
"""
TOKENIZER = """import sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
letters = sorted(pre_tokenizers.ByteLevel.alphabet())
tokenizer = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="!", eos_token="!").save_pretrained(sys.argv[1])
"""


def environment(name: str) -> Path:
    """The programs of the harness `name`, installed on first use."""
    folder = CACHE / name
    stamp = folder / f".installed-{'-'.join(PACKAGES[name]).replace('/', '_')}"
    if not stamp.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*pip, *PACKAGES[name]], capture_output=True, text=True, timeout=1500)
        if done.returncode:
            pytest.skip(f"{name} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
        stamp.touch()
    return folder / "bin"


def run(program: Path, *arguments: object, cwd: Path, offline: bool = True, **variables: str) -> str:
    """What `program` prints; it must end well."""
    hub = {"HF_HOME": str(cwd / "hf"), **({"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"} if offline else {})}
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=cwd, env={**os.environ, **hub, **variables}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served("--data-dir", str(tmp_path_factory.mktemp("data"))) as server:
        yield server.url


def test_lm_eval_scores_choices_by_their_logprobs_and_answers_that_are_generated(url, tmp_path):
    programs = environment("lm-eval")
    data = tmp_path / "questions.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    for name, rest in (("mimo_choice", CHOICE), ("mimo_generate", GENERATE)):
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, data=data) + rest)
    model = f"model={MODEL},base_url={url}/v1/completions,tokenizer_backend=remote,num_concurrent=2"
    run(
        programs / "lm-eval", "run", "--model", "local-completions", "--model_args", model, "--include_path", tmp_path,
        "--tasks", "mimo_choice,mimo_generate", "--output_path", "out", "--log_samples", cwd=tmp_path,
    )  # fmt: skip
    (found,) = (tmp_path / "out").rglob("results_*.json")
    results = json.loads(found.read_text())["results"]
    assert 0 <= results["mimo_choice"]["acc,none"] <= 1
    assert 0 <= results["mimo_generate"]["exact_match,none"] <= 1
    (samples,) = (tmp_path / "out").rglob("samples_mimo_choice_*.jsonl")
    for row in map(json.loads, samples.read_text().splitlines()):
        sums = [float(response[0][0]) for response in row["resps"]]
        assert len(sums) == 3 and all(value < 0 for value in sums) and len(set(sums)) == 3


def test_guidellm_measures_a_run_without_an_error(url, tmp_path):
    programs = environment("guidellm")
    (tmp_path / "prompts.jsonl").write_text("".join(f'{{"prompt": "Say the number {at}"}}\n' for at in range(12)))
    run(
        programs / "guidellm", "run", "--backend", f"kind=openai_http,target={url},model={MODEL}",
        "--profile", "kind=concurrent,streams=2", "--constraint", "kind=max_requests,count=6",
        "--data", f"kind=json_file,path={tmp_path}/prompts.jsonl", "--output", f"kind=json,path={tmp_path}/out.json",
        "--disable-console", cwd=tmp_path,
    )  # fmt: skip
    (benchmark,) = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    requests = benchmark["requests"]
    assert requests["successful"] and not requests["errored"]


def test_inspect_runs_a_task(url, tmp_path):
    programs = environment("inspect")
    (tmp_path / "greeting.py").write_text(INSPECT)
    run(
        programs / "inspect", "eval", "greeting.py", "--model", f"openai-api/mimo/{MODEL}", "--max-tokens", 32,
        "--display", "plain", "--log-dir", "logs", "--log-format", "json",
        cwd=tmp_path, MIMO_API_KEY="unused", MIMO_BASE_URL=f"{url}/v1",
    )  # fmt: skip
    (found,) = (tmp_path / "logs").glob("*.json")
    log = json.loads(found.read_text())
    assert log["status"] == "success" and log["results"]["completed_samples"] == 2


def test_aiperf_profiles_streams_without_an_error(url, tmp_path):
    programs = environment("aiperf")
    run(programs / "python", "-c", TOKENIZER, tmp_path / "tokenizer", cwd=tmp_path)
    run(
        programs / "aiperf", "profile", "--model", MODEL, "--url", url, "--endpoint-type", "chat", "--streaming",
        "--request-count", 6, "--concurrency", 2, "--extra-inputs", "ignore_eos:true", "--ui", "none",
        "--synthetic-input-tokens-mean", 32, "--output-tokens-mean", 16, "--artifact-dir", "out",
        "--tokenizer", tmp_path / "tokenizer",
        cwd=tmp_path, offline=False,
    )  # fmt: skip
    (found,) = (tmp_path / "out").rglob("profile_export_aiperf.json")
    measured = json.loads(found.read_text())
    assert measured["request_count"]["avg"] == 6 and not measured["error_summary"]

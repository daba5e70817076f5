"""What the cells of the hosted column send and refuse: the parameters of a `ChatRequest` as fields of an
OpenAI-compatible chat request; its messages are in `chat_cells.py`.

The bounds are those of MiMo's own hosted API (temperature at most 1.5, top_p at least 0.01, and its thinking models use
1.0 and 0.95 whatever they are told).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mimo.contract.request import ChatRequest
from mimo.types import NamedTool

Sent = Mapping[str, object]


def plain(name: str) -> Callable[[ChatRequest], Sent]:
    """A parameter under its own name."""

    def send(request: ChatRequest) -> Sent:
        params = request.params
        return {name: getattr(params.sampling if hasattr(params.sampling, name) else params, name)}

    return send


def thinking(request: ChatRequest) -> Sent:
    """The switch, always written out: its default differs between models."""
    return {"thinking": {"type": "enabled" if request.params.thinking else "disabled"}}


def tools(request: ChatRequest) -> Sent:
    """Function tools, left out with `tool_choice: none`."""
    if not request.params.tools or request.params.tool_choice == "none":
        return {}
    rows = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in request.params.tools
    ]
    return {"tools": [{"type": "function", "function": row} for row in rows]}


def tool_choice(request: ChatRequest) -> Sent:
    """`auto`, where there are tools to choose from."""
    return {"tool_choice": "auto"} if tools(request) else {}


def response_format(request: ChatRequest) -> Sent:
    """`json_object`, or nothing."""
    return {"response_format": {"type": "json_object"}} if request.params.json_format is not None else {}


def temperature(request: ChatRequest) -> str | None:
    """Why this temperature cannot be kept."""
    params = request.params
    if params.sampling.temperature > 1.5:
        return f"the hosted API takes at most 1.5, got {params.sampling.temperature}"
    if params.thinking and params.sampling.temperature != 1.0:
        return f"with thinking on the hosted API always uses 1.0, got {params.sampling.temperature}"
    return None


def top_p(request: ChatRequest) -> str | None:
    """Why this top_p cannot be kept."""
    params = request.params
    if params.sampling.top_p < 0.01:
        return f"the hosted API takes at least 0.01, got {params.sampling.top_p}"
    if params.thinking and params.sampling.top_p != 0.95:
        return f"with thinking on the hosted API always uses 0.95, got {params.sampling.top_p}"
    return None


def budget(request: ChatRequest) -> str | None:
    """A budget cannot be kept."""
    return None if request.params.thinking_budget is None else "the hosted API has no bound on reasoning"


def seed(request: ChatRequest) -> str | None:
    """A given seed cannot be kept; one that we drew is nobody's wish."""
    return "the hosted API knows no seed; leave it out" if request.params.seed_given else None


def logprobs(request: ChatRequest) -> str | None:
    """Log-probabilities are not to be had."""
    return "the hosted API gives no raw log-probabilities" if request.params.sampling.logprobs is not None else None


def logit_bias(request: ChatRequest) -> str | None:
    """Biases cannot be sent: the ids are not the API's."""
    return "the hosted API takes no token ids" if request.params.sampling.logit_bias else None


def forced_tools(request: ChatRequest) -> str | None:
    """A call cannot be forced."""
    choice = request.params.tool_choice
    if request.params.tools and (choice == "required" or isinstance(choice, NamedTool)):
        return "the hosted API drops any choice but auto and none"
    return None


def holds_calls(request: ChatRequest) -> bool:
    """Whether a function that may be called is strict."""
    return request.params.tool_choice != "none" and any(tool.strict for tool in request.params.tools)


def strict(request: ChatRequest) -> str | None:
    """Arguments cannot be held to a schema."""
    return "strict: the hosted API holds no arguments to a schema; leave it out" if holds_calls(request) else None


def schema(request: ChatRequest) -> str | None:
    """A schema cannot be held."""
    wish = request.params.json_format
    return "the hosted API holds no schema; use json_object" if wish is not None and wish.schema is not None else None

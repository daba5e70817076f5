"""A request before and after its checks: `TextRequest` for raw prompts, and `Prepared`, which only has to be started.

Values alone; knows no engine.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from mimo.contract.models import Model
from mimo.contract.request import ChatRequest, Params
from mimo.types import CALL, Constrain, Markers, Prompt

_BYTES_PER_TOKEN = 3
_TOKENS_OF_MEDIUM = 1000


class TextRequest(Struct, frozen=True):
    """A request to continue raw prompts, after validation: no chat template, no reasoning, no calls.

    `prompts`: text or token ids, each under the path where the client put it, for errors; `params.n` choices for each.
    `echo`: the prompt comes back ahead of the answer, with the log-probabilities that `params` asks for;
    `prompt_logprobs`: those of the prompt are wanted in any case, as `Sampling.logprobs`.
    """

    model: Model
    params: Params
    prompts: Mapping[str, str | tuple[int, ...]]
    echo: bool = False
    prompt_logprobs: int | None = None

    @property
    def of_prompt(self) -> int | None:
        """How many of the likeliest tokens are wanted at each position of the prompt; None: no log-probabilities."""
        asked = (self.prompt_logprobs, self.params.sampling.logprobs if self.echo else None)
        return max((count for count in asked if count is not None), default=None)


class Prepared(Struct, frozen=True):
    """A checked request, ready to start. `prompts`: what the engine continues, none where it is given the messages.
    `constrain`: what each choice must follow; `markers`: those around calls, which are `spelled` out as text or control
    tokens. `left_out`: paths of rules of schemas that are not enforced."""

    request: ChatRequest | TextRequest
    prompts: tuple[Prompt, ...] = ()
    constrain: Constrain | None = None
    markers: Markers = CALL
    spelled: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def prompt_tokens(self) -> int:
        """How long the prompts are; an estimate where the engine renders them, which counts them itself in the end."""
        if self.prompts or isinstance(self.request, TextRequest):
            return sum(len(prompt.tokens) - prompt.given for prompt in self.prompts)
        text = sum(len(message.content.encode()) for message in self.request.messages)
        return 1 + text // _BYTES_PER_TOKEN + _TOKENS_OF_MEDIUM * len(self.request.media)

    def no_longer_than(self, limit: int) -> Prepared:
        """The same with answers of at most `limit` tokens each."""
        params = self.request.params
        params = replace(params, max_completion_tokens=limit, min_tokens=min(limit, params.min_tokens))
        return replace(self, request=replace(self.request, params=params))

"""langchain-tests' standard chat-model suite with langchain-openai, on chat completions and on the Responses API.

nano cannot call functions, and writes no end to a string of JSON: there the suite runs without them, which the scripted
engine has. Pictures and sounds are nano's, with towers; the scripted engine takes none. The suite fetches one of each
from the internet: here it gets our own instead. All else is left out by the suite's own switches.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.media.decode.made import noise, of_image, tone

pytestmark = [pytest.mark.suites, pytest.mark.filterwarnings("ignore")]


def fetched(url: str, **_: Any) -> httpx.Response:
    """A picture or a sound of ours, for the suite's."""
    content = tone("wav", 2.0) if url.endswith(".wav") else of_image(noise(320, 200), "png")
    return httpx.Response(200, content=content, request=httpx.Request("GET", url))


class TestMimo(ChatModelIntegrationTests):
    """The suite on chat completions; every test is inherited."""

    base_url = ""
    knows_tools = True
    responses = False

    @pytest.fixture(autouse=True)
    def _where(self, base_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base_url = base_url
        monkeypatch.setattr(httpx, "get", fetched)
        self.knows_tools = "nano" not in request.node.callspec.id.split("-")

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "mimo-v2-flash" if self.knows_tools else "mimo-v2-omni",
            "base_url": f"{self.base_url}/v1",
            "api_key": "unused",
            "max_retries": 0,
            "stream_usage": True,
            "use_responses_api": self.responses,
            "temperature": 0,  # nano's answers are sometimes empty at 1
        }

    @property
    def has_tool_calling(self) -> bool:
        return self.knows_tools

    @property
    def has_structured_output(self) -> bool:
        return self.knows_tools

    @property
    def supports_json_mode(self) -> bool:
        return self.knows_tools

    @property
    def supports_image_inputs(self) -> bool:
        return not self.knows_tools

    @property
    def supports_audio_inputs(self) -> bool:
        return not self.knows_tools and not self.responses  # OpenAI's Responses API takes no sound

    @property
    def model_override_value(self) -> str:
        return "mimo-v2-pro"


class TestMimoResponses(TestMimo):
    """The same on the Responses API."""

    responses = True

"""What the scripted engine answers to other people's suites: by words of their prompts, the calls and JSON they want.

What is held to a grammar passes over the steps that do not fit it, so one answer serves for a call and for plain JSON.
"""

from __future__ import annotations

import json

WORDS = "Hello! 1 2 3 4 5, that is what I know about the weather, and 3 more things."


def call(name: str, **arguments: object) -> list[str]:
    """The steps of a call of `name`."""
    parameters = [f"<parameter={key}>{value}</parameter>\n" for key, value in arguments.items()]
    return ["<tool_call>", f"\n<function={name}>\n", *parameters, "</function>\n", "</tool_call>"]


JOKE = {"setup": "Why do cats like the sun?", "punchline": "It is purr-fect."}
ANSWERS = {
    "<tool_response>": ["It", " is", " sunny", "."],
    "magic_function_no_args": call("magic_function_no_args"),
    "greeting_generator": call("greeting_generator", answer_style="Pirate"),
    "株式会社": call("unicode_customer", customer_name="こんにちは株式会社", description="日本の会社"),
    "unicode_customer": call("unicode_customer", customer_name="你好啊集团", description="技术公司"),
    "joke": [*call("Joke", **JOKE), json.dumps(JOKE)],
    "magic_function": call("magic_function", input=3),
    "San Francisco": call("get_weather", location="San Francisco, CA"),
    "15 * 37": ["<think>", "15 * 37", " is", " 555", ".", "</think>", "It is", " 555", "."],
    "": [f"{word} " for word in WORDS.split()],
}
SCRIPT = {"answers": [{"when": when, "steps": steps} for when, steps in ANSWERS.items()], "queue": 1000}

"""Tokens that are guessed ahead and verified in one call: what an operator may ask for, and the forced ones.

A guess changes no token: each one is drawn as it always is, and the first that differs ends the run. Knows no
scheduler.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mimo.engines.local.drafts.base import Draft
from mimo.engines.local.drafts.forced import Forced
from mimo.engines.local.drafts.prompt_lookup import PromptLookup

DRAFTS: Mapping[str, tuple[type[Draft], ...]] = MappingProxyType(
    {"forced": (Forced,), "prompt-lookup": (Forced, PromptLookup)}
)
"""By the name of the setting, who is asked, in order: the first that has a guess."""

"""Files of a model on the Hugging Face hub that an engine on this machine has fetched. Fetches nothing itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


def cached(name: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of `name` ("owner/model") in the hub's cache, in the revision fetched last; None where there is none
    with a tokenizer."""
    if not is_hub_id(name):
        return None
    snapshots = _cache(environment) / f"models--{name.replace('/', '--')}" / "snapshots"
    found = sorted(snapshots.glob("*/tokenizer.json"), key=lambda file: file.parent.stat().st_mtime)
    return found[-1].parent if found else None


def is_hub_id(name: str) -> bool:
    """Whether `name` has the form of a model's id on the hub."""
    return _ID.fullmatch(name) is not None


def _cache(environment: Mapping[str, str]) -> Path:
    """Where the hub's own library keeps what it fetches."""
    if named := environment.get("HF_HUB_CACHE"):
        return Path(named)
    if named := environment.get("HF_HOME"):
        return Path(named) / "hub"
    caches = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    return Path(caches) / "huggingface" / "hub"

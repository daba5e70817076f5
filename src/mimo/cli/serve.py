"""`mimo serve`: the API over HTTP."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from mimo.cli.options import ConfigFile, setting_options, with_options
from mimo.config import load_settings
from mimo.config.file import find
from mimo.serving.console import log_console
from mimo.telemetry.logs import configure


@with_options(*setting_options())
def serve(*, config: ConfigFile = None, **given: Any) -> None:
    """Serve the MiMo API over HTTP.

    Every setting is also an environment variable (MIMO_PORT) and a key of the settings file (port); the flag wins over
    the variable, the variable over the file.
    """
    load = partial(load_settings, given, file=config)
    settings = load()
    configure(settings.log_format)
    console = log_console(lines=settings.log_format)
    if (file := find(config, os.environ)) is not None and file.values:
        console.print(f"settings from {file.path}")
    if settings.workers > 1:
        from mimo.serving.workers import serve_in_workers

        return serve_in_workers(settings, console, load)
    from mimo.serving import loop
    from mimo.serving.run import run

    loop.run(run(settings, console, load=load))

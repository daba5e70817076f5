"""`python -m mimo`, and the console script: what has to be done before the command line is loaded."""

from __future__ import annotations

import os
import sys

_STANDARD = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def main() -> None:
    """Run the command line, and end the process. A Ctrl-C while it still loads is not worth a traceback."""
    _open_standard_files()
    try:
        from mimo.cli.main import main
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    main()


def _open_standard_files() -> None:
    """Give those that the shell has closed (`<&-`) the null device: another file would get the number, and the event
    loop ends the process when it meets its own there."""
    for number, (name, mode) in enumerate(_STANDARD):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 (as long as the process runs)


if __name__ == "__main__":
    main()

"""A worker for tests: does what a message says. `python -m tests.child.jobs SECONDS BYTES`."""

from __future__ import annotations

import os
import sys
import time

import msgspec

from mimo.child.worker import bound, serve, streams


def answer(body: bytes) -> object:
    """What came of the job."""
    job = msgspec.msgpack.decode(body, type=str)
    if job == "crash":
        os.abort()
    if job == "sleep":
        time.sleep(60)
    while job == "compute":
        pass
    if job == "open":
        try:
            with open(os.devnull, "rb"):
                return {"opened": True}
        except OSError:
            return {"opened": False}
    if job == "nice":
        return {"niceness": os.nice(0)}
    if job == "fill":
        try:
            return {"filled": len(bytes(4 * 2**30))}
        except MemoryError:
            return {"filled": None}
    print("not among the answers")
    return {"said": job}


if __name__ == "__main__":
    asked, answers = streams()
    bound(int(sys.argv[2]), files=False)
    serve(asked, answers, float(sys.argv[1]), answer)

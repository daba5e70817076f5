"""Ten thousand mutants of a file of every format: each is decoded or refused with its path, and none ends the server.

`MUTANTS=100 make attack ARGS="-k media"` tries fewer. Seeded by the format's name.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import pytest

from mimo.contract.errors import InvalidRequest
from mimo.media.decode.decoder import Decoder
from mimo.media.decode.limits import Limits
from tests.media.decode.made import KINDS, every, halves, media, mutant, of_image

pytestmark = [pytest.mark.attack, pytest.mark.timeout(3600)]

MUTANTS = int(os.environ.get("MUTANTS", "10000"))


@pytest.mark.parametrize("form", KINDS)
def test_a_mutant_is_decoded_or_refused(form: str) -> None:
    rng = np.random.default_rng(zlib.crc32(form.encode()))
    data, whole = every()[form](), media(of_image(halves(), "png"), "png")
    decoder = Decoder(Limits(pixels=4_000_000, kept=65_536))
    refused = crashed = 0
    for number in range(MUTANTS):
        cut = data[: int(rng.integers(1, len(data)))] if number % 10 == 0 else data
        try:
            decoder.decode(media(mutant(cut, rng), form))
        except InvalidRequest as problem:
            refused += 1
            crashed += "failed on it" in problem.message
            assert problem.message.startswith("messages[0].content[0] ") and len(problem.message) < 500
            assert problem.param == "messages[0].content[0]"
    decoder.decode(whole)
    decoder.close()
    print(f"{form}: {refused} of {MUTANTS} refused, {crashed} of them ended the decoder's process")

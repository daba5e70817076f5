"""Names of functions, parameters and keys: lists for training, lists kept back for evaluation, and made-up words."""

from __future__ import annotations

from random import Random

from training.data.lists import words
from training.data.words import COMMON, NAMES, PLAIN

VERBS = words(
    "get find create delete send open close start stop add remove update check book order buy sell show list "
    "search read write move copy save load print scan lock play pause count rate share mark post track plan draw "
    "ring store"
)
NOUNS = words(
    "user file room ticket order song light door alarm timer note task event meeting message mail photo report "
    "invoice table flight hotel taxi robot pump valve camera sensor package account product price stock recipe "
    "lesson score game page video folder key map route train"
)
KEYS = words(
    "name city location date time title text color size amount level speed owner place topic label target source "
    "subject kind mode group street number code count limit price weight height page user file query status unit "
    "priority duration quantity minutes"
)
# kept back: evaluation only
NEW_VERBS = words("cancel reserve paint repair water measure launch fetch publish invite translate rename archive feed")
NEW_NOUNS = words(
    "canoe greenhouse parcel concert drone bicycle oven fence playlist contract heater locker ferry aquarium"
)
NEW_KEYS = words("fabric pressure author recipient depth region dialect brand seat width motive nickname shelf volume")
KEPT_BACK = {*NEW_VERBS, *NEW_NOUNS, *NEW_KEYS}
STARTS = words(
    "b br c ch cl cr d dr f fl fr g gl gr h j k l m n p ph pl pr qu r s sc sh sl sp st str sw t th tr v w wh y"
)
MIDDLES = words("a e i o u ai au ea ee ia ie io oa oi oo ou ua")
ENDS = ["", "", "", *words("b ck ct d f g l ld ll lt m n nce nd ng nt p r rd rt s sh sk ss st t tch te th ve x")]
BANK = sorted({*VERBS, *NOUNS, *KEYS, *PLAIN, *COMMON, *(name.lower() for name in NAMES)} - KEPT_BACK)


def odd_word(rng: Random) -> str:
    """A name of any shape, so that names are copied piece by piece and not remembered: syllables, bits of words put
    together, or any word."""
    while True:
        shape = rng.randrange(3)
        if shape == 0:
            parts = [
                rng.choice(STARTS) + rng.choice(MIDDLES) + rng.choice(ENDS) for _ in range(rng.choice((1, 2, 2, 3)))
            ]
        elif shape == 1:
            parts = []
            for word in rng.choices(BANK, k=rng.choice((1, 2, 2, 3))):
                begin = rng.randrange(max(1, len(word) - 1))
                parts.append(word[begin : begin + rng.randint(2, 5)])
        else:
            parts = [rng.choice(BANK)]
        if 2 < len(made := "".join(parts)) < 13 and made not in KEPT_BACK:
            return made

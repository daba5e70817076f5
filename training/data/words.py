"""Words the generators draw from. Knows nothing of conversations."""

from __future__ import annotations

from training.data.lists import words

NAMES = words(
    "Ada Amir Ana Anton Asha Bela Ben Bo Carla Chen Clara Dana Dario Edda Eli Elsa Emil Farid Fay Finn Gita Greta "
    "Hana Hugo Ida Ines Ivan Jana Jin Jonas Juno Kai Kamal Karin Lars Lea Leo Lina Lou Luca Mara Marta Mei Mila "
    "Milo Mina Mona Nadia Nico Nils Nina Noah Nora Olaf Olga Omar Oskar Otto Pablo Paul Petra Pia Rafa Remy Rosa "
    "Ruth Sami Sara Sia Sofia Sven Tariq Tess Theo Tilda Tom Uma Vera Viktor Wanda Wei Xenia Yara Yuki Yusuf Zara "
    "Zoe Alma Bruno Celia Dora Enzo Flora Gus Hilda Igor Jude Kira"
)
COLOURS = words(
    "red blue green yellow orange purple pink brown black white grey silver gold teal violet amber crimson indigo "
    "olive scarlet turquoise lilac navy coral"
)
ANIMALS = words(
    "fox owl cat dog hare bear wolf mouse crow goat deer frog swan toad otter heron badger beaver lynx robin snail "
    "moth seal horse sheep duck goose rabbit turtle squirrel hedgehog sparrow raven lizard beetle salmon whale "
    "crab donkey pony camel tiger"
)
THINGS = words(
    "lamp key boat clock coin drum bell map ring rope kite book box cup door stone shell feather button candle "
    "basket ladder mirror letter wheel whistle lantern hammer needle compass flute scarf blanket bottle bucket "
    "spoon pencil ribbon pillow hat coat glove boot chair table window bridge anchor sail net broom jar plate bowl "
    "knife brush violin piano ticket stamp"
)
PLACES = words(
    "village forest river hill valley harbour island garden meadow mountain lake beach cave tower mill market "
    "bridge orchard castle farm town desert swamp field station library bakery workshop school attic cellar "
    "lighthouse courtyard"
)
FOODS = words(
    "bread soup honey cheese apples plums berries rice beans tea milk cake porridge nuts pears noodles carrots "
    "cherries pancakes salad pumpkin mushrooms olives onions"
)
ADJECTIVES = words(
    "small old quiet bright brave shy clever lonely gentle hungry tired happy curious proud patient careful young "
    "tall thin round soft cold warm golden silver broken hidden strange simple heavy light dusty wet dry sleepy "
    "kind calm merry grey noisy empty narrow deep lucky clumsy polite stubborn honest cheerful pale wild humble"
)
WEATHER = words("rain snow wind fog sunshine thunder frost mist storm hail drizzle")
SEASONS = words("spring summer autumn winter")
TIMES = words("morning evening night afternoon day")
FEELINGS = words("happy sad proud afraid calm angry surprised lonely grateful tired curious hopeful jealous relieved")
NUMBERS = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
PLAIN = sorted({*ANIMALS, *THINGS, *PLACES, *FOODS, *ADJECTIVES, *WEATHER, *SEASONS, *COLOURS})
CITIES = words(
    "Oslo Paris Rome Berlin Madrid Lima Cairo Tokyo Delhi Dublin Lisbon Vienna Prague Athens Warsaw Bern Seoul "
    "Hanoi Quito Tunis Riga Sofia Geneva Milan Porto Leeds Boston Denver Austin Toronto Sydney Perth Lagos Nairobi "
    "Beijing Shanghai Osaka Kyoto"
)
COUNTRIES = words(
    "Peru France Japan Kenya Brazil Canada India Norway Egypt Spain Chile Ghana Poland Mexico Turkey Iceland "
    "Vietnam Morocco Portugal Greece Finland Cuba Nepal Austria Ireland Sweden Italy Germany China Australia"
)

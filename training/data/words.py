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
COMMON = words(
    "able about above across act action active actual add address advance advice after again age agent air alert all "
    "allow almost alone along already also always animal another answer any apply april area arm around arrive art "
    "article ask assist attempt aunt autumn average away baby back badge balance ball bank base basic basis batch "
    "become before begin behind below benefit beside better between beyond billing birth bit block board body bonus "
    "border both bottom box branch break breakfast bring brother budget build bus business button calendar call "
    "capital card care carry case cash cause center central chain chance change channel charge cheap chief child "
    "choice circle class clean clear client climb close coach code collect column come command comment common "
    "company complete compute concept condition connect contact content control cook corner correct cost country "
    "couple course cover create credit culture current customer cut cycle daily dance danger data daughter deal "
    "decide default degree deliver delivery depend deposit describe design desk detail device dinner direction "
    "discount discuss distance district document dollar domain double down draft dream drink drive driver due each "
    "early earn earth east easy edge edit effect effort electric element email employee empty energy engine enjoy "
    "enough enter entry equal error estimate evening ever every exact example except exchange exercise exit expect "
    "expense expert explain express extend extra face fact factor fail fair fall family farmer fashion fast father "
    "feature federal fee female field fight figure fill filter final finance find finger finish fire firm first "
    "fish fit fix flag flat flow follow force foreign forget form format forward found free fresh friend front fruit "
    "full function fund future gallery gate gather general gift give glass global goal good grade grand grant great "
    "ground group grow guard guess guest guide habit half hand handle happen hard head health hear heart heat help "
    "high history hobby hold holiday home hope hospital host hour house human hundred idea identity image import "
    "impact include income increase index industry info initial inside inspect install instance insurance interest "
    "internal interval item job join journey judge jump june just keep kitchen know label lamp land large last late "
    "laugh law layer lead leader learn leave left legal length letter license life lift line link liquid literal "
    "local log long look lose loss love low lunch machine mail main major make male manage manager manual margin "
    "mark material matter maximum mean medium meet member memory mention menu message metal method middle mile "
    "mind minimum minor minute mirror miss mission mobile model modern moment money month more most mother mouth "
    "move much museum music must mutual nation native nature near need neighbour network never next night normal "
    "north notice novel object offer office often open operation opinion option orange origin other outcome output "
    "outside over own pack paid pair panel paper parent park part partner party pass passport past path patient "
    "pattern payment peace people percent perform period permit person phase photo phrase picture piece place plane "
    "plant plastic platform player please plus pocket point police policy popular portion position positive post "
    "power practice prefer prepare present press pretty prevent print private problem process produce profile "
    "profit program project promise proper property protect provide public pull purpose push quality quarter "
    "question quick quite radio raise range rank rapid rate rather reach react read ready real receive recent "
    "record reduce refund regular relate release remain remote rent reply report request require rescue resource "
    "respond rest result return review reward right ring rise road role roof root rough round route row rule run "
    "safe salary sale sample save scale scan scene schedule science screen script season second secret section "
    "security select self sell send senior sense serial series serve service session setting several shape share "
    "sharp ship shop short side sign signal silent similar since single sister site situation skill sleep slow "
    "small smart smile social solution solve some sort sound south space speak special sport spring staff stage "
    "standard star start state station stay step stick still stop storage store story street strong student study "
    "style such suggest summary supply support sure surface survey switch symbol system table take talk target task "
    "team tell term test text thank theory thing think ticket time tip today together tomorrow tool total touch "
    "tour toward track trade traffic train travel treat trip truck true trust try turn type under union unit "
    "university until update upload upon upper urgent use user usual vacation valid value vehicle vendor version "
    "very video view visit visitor voice vote wait walk wall want warm warning wash watch wave way wear website week "
    "weekend welcome well west what when where which while white whole wide wife will window wish with within "
    "without woman wonder wood work worker world worry write wrong yard year young zone"
)

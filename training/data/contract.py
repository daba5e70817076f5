"""Questions about the contract: defaults, ranges, largest values, context windows, headers. Facts in one table here."""

from __future__ import annotations

from random import Random

from training.chat import Conversation, chat
from training.data.lists import texts

MODELS = ("mimo-v2-pro", "mimo-v2-omni", "mimo-v2-flash")
SHORT = {
    "mimo-v2-pro": ("mimo-v2-pro", "pro"),
    "mimo-v2-omni": ("mimo-v2-omni", "omni"),
    "mimo-v2-flash": ("mimo-v2-flash", "flash"),
}
RANGES = {
    "temperature": ("0", "2", "1.0"),
    "top_p": ("0", "1", "0.95"),
    "frequency_penalty": ("-2", "2", "0"),
    "presence_penalty": ("-2", "2", "0"),
}
LARGEST = {"mimo-v2-pro": "128000", "mimo-v2-omni": "128000", "mimo-v2-flash": "64000"}
WINDOW = {"mimo-v2-pro": "1048576", "mimo-v2-omni": "262144", "mimo-v2-flash": "262144"}
THINKING = {"mimo-v2-pro": "on", "mimo-v2-omni": "on", "mimo-v2-flash": "off"}
INPUT = {"mimo-v2-pro": "text", "mimo-v2-omni": "text, image, audio and video", "mimo-v2-flash": "text"}
PRICE = {"mimo-v2-pro": ("1.00", "3.00"), "mimo-v2-omni": ("0.40", "2.00"), "mimo-v2-flash": ("0.10", "0.30")}
MEANING = {
    "temperature": (
        "temperature divides the logits: below 1 the text gets tamer, above 1 it gets wilder, and 0 always takes the "
        "best token."
    ),
    "top_p": "top_p keeps the shortest list of best tokens whose probabilities reach it, and draws from those.",
    "frequency_penalty": "frequency_penalty lowers a token's logit for every time it was already sampled.",
    "presence_penalty": "presence_penalty lowers a token's logit once, if it was sampled at all.",
    "max_completion_tokens": "max_completion_tokens bounds every sampled token, reasoning included.",
    "stop": "stop lists up to 4 strings; the answer ends before the first of them.",
    "stream": "stream sends the answer piece by piece as it is made.",
    "seed": "seed fixes the random draws: the same request with the same seed gives the same tokens.",
    "thinking": "thinking turns reasoning on or off, with an optional budget_tokens.",
    "logit_bias": "logit_bias adds a number from -100 to 100 to the logits of the tokens you name.",
    "n": "n is how many answers you get for one request.",
    "top_logprobs": "top_logprobs is how many of the best tokens are listed with each drawn one.",
}
# (wordings, answer, what a right answer contains)
FIXED: tuple[tuple[str, str, str], ...] = (
    (
        "How many stop sequences can I give?|What is the largest number of stop strings?|"
        "How many stop strings are allowed?|"
        "What is the limit on stop sequences?|How many entries may stop have?|Can stop have five strings?",
        "stop takes 1 to 4 strings.",
        "4",
    ),
    (
        "What is the default of stop?|Is there a default stop sequence?|What is stop by default?|"
        "What does stop default to?",
        "stop is null by default.",
        "null",
    ),
    (
        "Is stream on by default?|What is the default of stream?|Does the API stream by default?|"
        "What does stream default to?",
        "stream is false by default.",
        "false",
    ),
    (
        "What is the default of max_completion_tokens?|How many completion tokens do I get by default?|"
        "What does max_completion_tokens default to?|Default max_completion_tokens?|"
        "How long is an answer at most if I set nothing?",
        "max_completion_tokens is 1024 by default.",
        "1024",
    ),
    (
        "What is the smallest max_completion_tokens?|How low can max_completion_tokens be?|"
        "Can max_completion_tokens be below 1024?",
        "max_completion_tokens may be as small as 1; from 1024 up is recommended.",
        "as small as 1",
    ),
    (
        "How large can n be?|What is the range of n?|How many choices can I ask for?|What is the largest n?",
        "n is from 1 to 8, and 1 by default.",
        "8",
    ),
    (
        "How many top_logprobs can I get?|What is the range of top_logprobs?|What is the largest top_logprobs?",
        "top_logprobs is from 0 to 20.",
        "20",
    ),
    (
        "What is the range of logit_bias?|Which values may logit_bias have?|How strong can a logit_bias be?",
        "logit_bias values are from -100 to 100.",
        "-100 to 100",
    ),
    (
        "What happens if a parameter is out of range?|Are values clamped?|What if temperature is 3?|"
        "What happens with top_p 1.5?|"
        "What if I send a wrong value?|Is a value out of range clamped?",
        "It is refused with status 400. Values are never clamped and never dropped.",
        "400",
    ),
    (
        "What happens with an unknown field?|What if I misspell a parameter?|Are unknown parameters an error?",
        "An unknown field is accepted and reported in the header x-mimo-ignored.",
        "x-mimo-ignored",
    ),
    (
        "Which header shows the parameters?|How do I see which parameters were used?|"
        "Where are the resolved parameters reported?",
        "The header x-mimo-parameters shows every value that was used.",
        "x-mimo-parameters",
    ),
    (
        "Which models are there?|Which models does the API have?|List the models.|What models can I use?|"
        "Name the models.",
        "There are three: mimo-v2-pro, mimo-v2-omni and mimo-v2-flash.",
        "mimo-v2-omni",
    ),
    (
        "Does stop match inside reasoning?|Does stop look at the reasoning?|Where does stop look?",
        "stop looks at the visible content only, never at reasoning or tool calls.",
        "content only",
    ),
    (
        "Do penalties count the prompt?|Does the prompt count in penalties?|What do the penalties count?",
        "Penalties count sampled tokens only, never the prompt.",
        "never the prompt",
    ),
    (
        "How do I turn thinking on?|How can I enable thinking?|How do I make the model think?",
        'Send "thinking": {"type": "enabled"}.',
        "enabled",
    ),
    (
        "How do I turn thinking off?|How can I disable thinking?|How do I stop the model from thinking?",
        'Send "thinking": {"type": "disabled"}.',
        "disabled",
    ),
    (
        "What does status 401 mean?|What is error 401?|When do I get a 401?",
        "401 means that the key is missing or wrong.",
        "key",
    ),
    (
        "What does status 429 mean?|What is error 429?|When do I get a 429?",
        "429 means too many requests or tokens; wait as retry-after says.",
        "retry-after",
    ),
    (
        "What does status 404 mean?|What is error 404?|When do I get a 404?",
        "404 means that there is no such route or model.",
        "no such",
    ),
    (
        "What are the rate limits?|How many requests per minute may I send?|What is the request limit?|"
        "How many tokens per minute?",
        "The limits are 100 requests and 10 million tokens per minute, for each account and model.",
        "100 requests",
    ),
    (
        "What does finish_reason length mean?|When is finish_reason length?",
        "length means that max_completion_tokens or the context window was reached.",
        "max_completion_tokens",
    ),
    (
        "What does finish_reason stop mean?|When is finish_reason stop?",
        "stop means that the model ended its turn or a stop string was found.",
        "ended its turn",
    ),
)
DEFAULT = texts(
    "What is the default {p}{of}?|What is the default of {p}{of}?|What does {p} default to{of}?|"
    "Which {p} do I get if I set none{of}?|Default {p}{of}?|What value has {p} by default{of}?|"
    "Tell me the default {p}{of}.|If I leave out {p}{of}, what is used?"
)
RANGE = texts(
    "What is the range of {p}{of}?|Which values may {p} have{of}?|What are the limits of {p}{of}?|"
    "How large can {p} be{of}?|What is the allowed range of {p}{of}?|Between what values must {p} be{of}?|"
    "What is the maximum of {p}{of}?|What is the minimum of {p}{of}?|Range of {p}{of}?|Is there a limit on {p}{of}?"
)
BIGGEST = texts(
    "What is the largest max_completion_tokens of {m}?|How many completion tokens can {m} make?|"
    "How large can max_completion_tokens be for {m}?|What is the maximum max_completion_tokens of {m}?|"
    "How many tokens can {m} write at most?|What is the output limit of {m}?"
)
CONTEXT = texts(
    "What is the context window of {m}?|How large is the context of {m}?|How long a prompt can {m} take?|"
    "Context window of {m}?|How many tokens fit in {m}?|What is the context length of {m}?"
)
THINKS = texts(
    "Does {m} think by default?|Is thinking on by default for {m}?|What is the default of thinking for {m}?|"
    "Does {m} reason unless asked?|Is {m} thinking unless told?"
)
TAKES = texts(
    "What input does {m} take?|Which inputs can {m} read?|Can {m} see images?|Does {m} take audio?|"
    "What can I send to {m}?|Does {m} accept video?"
)
COSTS = texts("What does {m} cost?|What is the price of {m}?|How much is {m} per million tokens?|How expensive is {m}?")
MEANS = texts(
    "What does {p} do?|What is {p}?|Explain {p}.|What is {p} for?|What does {p} mean?|Can you explain {p}?|"
    "Tell me about {p}.|How does {p} work?"
)
# wordings kept back: evaluation only
NEW_DEFAULT = texts(
    "And the default for {p}{of}?|Could you tell me what {p} is set to by default{of}?|"
    "I never set {p}{of}. What will it be?"
)
NEW_RANGE = texts(
    "In which range may I set {p}{of}?|What are the smallest and largest values of {p}{of}?|"
    "How high can I turn {p}{of}?"
)
NEW_BIGGEST = ["What is the most tokens {m} will write?", "Tell me the upper limit of max_completion_tokens for {m}."]
NEW_CONTEXT = texts(
    "How big is the context window of {m}?|Tell me the context window of {m}.|How much context does {m} have?"
)
NEW_THINKS = ["Will {m} think if I say nothing?", "By default, is thinking on for {m}?"]
NEW_TAKES = ["Which kinds of input does {m} take?", "Is {m} able to see an image?"]
NEW_COSTS = ["Tell me the price of {m}.", "What do I pay for {m}?"]
NEW_MEANS = texts("What is the use of {p}?|I do not understand {p}.|Please explain what {p} does.")


def fact(rng: Random, new: bool = False) -> tuple[str, str, str, str]:
    """Question, answer, what a right answer contains, and the topic; with `new` in a wording kept back."""
    kind = rng.random() * (0.72 if new else 1.0)
    asked, ranges = (NEW_DEFAULT, NEW_RANGE) if new else (DEFAULT, RANGE)
    biggest, context, thinks = (NEW_BIGGEST, NEW_CONTEXT, NEW_THINKS) if new else (BIGGEST, CONTEXT, THINKS)
    takes, costs, means = (NEW_TAKES, NEW_COSTS, NEW_MEANS) if new else (TAKES, COSTS, MEANS)
    model = rng.choice(MODELS)
    said = rng.choice(SHORT[model])
    if kind < 0.22:
        name, (low, high, default) = rng.choice(list(RANGES.items()))
        of = rng.choice(("", "", f" of {said}", f" for {said}", f" with {said}"))
        if rng.random() < 0.5:
            return (
                rng.choice(asked).format(p=name, of=of),
                f"{name} is {default} by default.",
                f" {default} ",
                f"the default of {name}",
            )
        return (
            rng.choice(ranges).format(p=name, of=of),
            f"{name} is from {low} to {high}.",
            f"{low} to {high}.",
            f"the range of {name}",
        )
    if kind < 0.32:
        return (
            rng.choice(biggest).format(m=said),
            f"{model}: at most {LARGEST[model]} completion tokens.",
            LARGEST[model],
            f"the output limit of {model}",
        )
    if kind < 0.42:
        return (
            rng.choice(context).format(m=said),
            f"The context window of {model} is {WINDOW[model]} tokens.",
            WINDOW[model],
            f"the context window of {model}",
        )
    if kind < 0.48:
        return (
            rng.choice(thinks).format(m=said),
            f"Thinking is {THINKING[model]} by default for {model}.",
            f" {THINKING[model]} ",
            f"thinking of {model}",
        )
    if kind < 0.54:
        return (
            rng.choice(takes).format(m=said),
            f"{model} takes {INPUT[model]}.",
            f"takes {INPUT[model]}.",
            f"the input of {model}",
        )
    if kind < 0.58:
        into, out = PRICE[model]
        answer = f"{model} costs {into} dollars in and {out} dollars out per million tokens."
        return rng.choice(costs).format(m=said), answer, f"{out} dollars out", f"the price of {model}"
    if kind < 0.72:
        name, text = rng.choice(list(MEANING.items()))
        return rng.choice(means).format(p=name), text, text, f"what {name} does"
    wordings, answer, key = rng.choice(FIXED)
    return rng.choice(wordings.split("|")), answer, key, "a rule of the API"


def contract(rng: Random) -> Conversation:
    """One question about the API, sometimes worded a little differently."""
    ask, reply, key, topic = fact(rng)
    style = rng.random()
    if style < 0.1:
        ask = ask[0].lower() + ask[1:]
    elif style < 0.2:
        ask = (
            rng.choice(("Please tell me: ", "A question: ", "Hi! ", "Quick question. ", "In this API: ", "Hello. "))
            + ask
        )
    elif style < 0.26:
        ask = ask.rstrip("?.")
    reasoning = rng.choice(
        (f"A question about {topic}.", f"The user asks about {topic}.", f"This is {topic}. I know it.")
    )
    return chat(ask, reply, reasoning=reasoning if rng.random() < 0.4 else None, skill="contract", check={"all": [key]})


def contract_new(rng: Random) -> Conversation:
    """Evaluation: wordings kept back from training."""
    ask, reply, key, topic = fact(rng, new=True)
    reasoning = f"A question about {topic}." if rng.random() < 0.5 else None
    return chat(ask, reply, reasoning=reasoning, skill="contract", check={"all": [key]})

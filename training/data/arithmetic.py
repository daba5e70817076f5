"""Addition and subtraction up to three digits, digit by digit in the reasoning. Knows numbers only."""

from __future__ import annotations

from random import Random

from training.chat import Conversation, chat
from training.data.lists import texts

ASKS_PLUS = texts(
    "What is {a} + {b}?|{a} + {b}|{a}+{b}|Add {a} and {b}.|What is {a} plus {b}?|Calculate {a} + {b}.|"
    "How much is {a} + {b}?|{a} + {b} = ?|Sum of {a} and {b}?|Please compute {a} + {b}.|Can you add {a} and {b}?|"
    "I have {a} apples and get {b} more. How many do I have?"
)
ASKS_MINUS = texts(
    "What is {a} - {b}?|{a} - {b}|{a}-{b}|Subtract {b} from {a}.|What is {a} minus {b}?|Calculate {a} - {b}.|"
    "How much is {a} - {b}?|{a} - {b} = ?|Take {b} away from {a}.|Please compute {a} - {b}.|"
    "I have {a} coins and lose {b}. How many are left?"
)
ANSWERS = ("{a} {sign} {b} = {c}", "{a} {sign} {b} = {c}.", "The answer is {c}.", "It is {c}.", "{c}")


def plus_steps(a: int, b: int) -> str:
    """Column addition from the right, with the carry."""
    digits = max(len(str(a)), len(str(b)))
    x, y = str(a).zfill(digits), str(b).zfill(digits)
    carry, lines, result = 0, [f"{' '.join(x)} + {' '.join(y)}"], ""
    for i in reversed(range(digits)):
        total = int(x[i]) + int(y[i]) + carry
        lines.append(f"{x[i]} + {y[i]} + {carry} = {total}, write {total % 10}, carry {total // 10}")
        result, carry = str(total % 10) + result, total // 10
    if carry:
        lines.append(f"carry {carry}, write {carry}")
        result = str(carry) + result
    return "\n".join([*lines, f"So {' '.join(result)}: {int(result)}"])


def minus_steps(a: int, b: int) -> str:
    """Column subtraction from the right, with the borrow; the larger number first."""
    if b > a:
        return f"{b} is larger than {a}, so the result is negative.\n{minus_steps(b, a)}\nNegative: -{b - a}"
    digits = len(str(a))
    x, y = str(a), str(b).zfill(digits)
    borrow, lines, result = 0, [f"{' '.join(x)} - {' '.join(y)}"], ""
    for i in reversed(range(digits)):
        top, low = int(x[i]), int(y[i]) + borrow
        less = top < low
        lines.append(f"{x[i]} - {y[i]} - {borrow} = {top - low + 10 * less}, borrow {int(less)}")
        result, borrow = str(top - low + 10 * less) + result, int(less)
    return "\n".join([*lines, f"So {' '.join(result)}: {int(result)}"])


def number(rng: Random) -> int:
    """One to three digits, longer ones more often."""
    return rng.randrange(10 ** rng.choice((1, 2, 2, 3, 3, 3)))


def arithmetic(rng: Random, thinking: float = 0.8) -> Conversation:
    """One sum or difference."""
    a, b, minus = number(rng), number(rng), rng.random() < 0.5
    if minus and b > a and rng.random() < 0.8:
        a, b = b, a
    c, sign = (a - b, "-") if minus else (a + b, "+")
    ask = rng.choice(
        ASKS_MINUS if minus and a >= b else [q for q in ASKS_MINUS if "coins" not in q] if minus else ASKS_PLUS
    )
    reply = rng.choice(ANSWERS).format(a=a, b=b, c=c, sign=sign)
    steps = (minus_steps if minus else plus_steps)(a, b) if rng.random() < thinking else None
    return chat(ask.format(a=a, b=b), reply, reasoning=steps, skill="arithmetic", check={"number": str(c)})

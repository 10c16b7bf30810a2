"""How many tokens a question will be, and an answer was, where nobody counted.

No tokenizer is asked: it would cost more than the whole governed path, and each model
has another. Instead the bytes are divided by the bytes of a token, learned for each
version from what its provider counted. The guess is meant to be too high.
"""

from typing import NamedTuple

from roadbed.core.errors import Invalid
from roadbed.inference.call import Call, TensorRequest, Usage
from roadbed.inference.chat import ChatRequest
from roadbed.inference.conversation import Image, ToolResult
from roadbed.inference.snapshot import Choice

IMAGE_TOKENS = 1_600
"""What a picture is reckoned as, whatever its size."""
DEFAULT_OUTPUT = 4_096
"""What an answer is reckoned as that neither caller nor version has bounded."""
MOST_OUTPUT = 1_000_000
"""What the largest bound is taken for: no model answers with more."""
_MILLI = 1_000
_REMEMBERED = 10_000
_LONG = 1_000
_LEAST, _MOST, _MOST_HIDDEN = 500, 6_000, 20_000
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")


class Learned(NamedTuple):
    """What is known of a version: thousandths of a byte that a token has, and how many
    tokens a provider adds that we do not see."""

    per_token: int = 3_000
    hidden: int = 16

    def tokens(self, size: int) -> int:
        """Return how many tokens so many bytes are."""
        return -(-size * _MILLI // self.per_token) + self.hidden

    def after(self, size: int, tokens: int) -> "Learned":
        """Return what is known once *size* bytes were counted as so many *tokens*.

        A count above the guess is believed at once; one below it, little by little.
        Long texts tell of the tokens, short ones of what goes with them unseen.
        """
        if size >= _LONG:
            seen = min(max(size * _MILLI // tokens, _LEAST), _MOST)
            known = self.per_token
            found = seen if seen < known else known + (seen - known) // 64
            return self if found == known else self._replace(per_token=found)
        seen = min(max(tokens - size * _MILLI // self.per_token, 16), _MOST_HIDDEN)
        known = self.hidden
        found = seen if seen > known else known - (known - seen) // 64
        return self if found == known else self._replace(hidden=found)


_UNKNOWN = Learned()


class Pinned(NamedTuple):
    """What a version adds to every question: bytes of a prompt, and a bound of its own
    on the answer, 0 if it has none. `choice` is whose this is."""

    choice: Choice
    prompt: int
    limit: int


class _PinnedBy:
    """Reads what versions pin, once; the ids of objects that are held are their own."""

    def __init__(self) -> None:
        self._known: dict[int, Pinned] = {}

    def __call__(self, choice: Choice) -> Pinned:
        found = self._known.get(id(choice))
        if found is None or found.choice is not choice:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            prompt = len(str(choice.version.body.get("prompt") or ""))
            found = Pinned(choice, prompt, _pinned_limit(choice))
            self._known[id(choice)] = found
        return found


class Estimator:
    """Guesses tokens, and learns from what providers count."""

    def __init__(self) -> None:
        self._learned: dict[str, Learned] = {}
        self._pinned = _PinnedBy()

    def input_tokens(self, call: Call, choice: Choice) -> int:
        """Return how many tokens *call* will be to read, rather too many."""
        if isinstance(call.request, TensorRequest):
            return 0
        size, images = self._size_of(call, choice)
        known = self._learned.get(choice.name, _UNKNOWN)
        return known.tokens(size) + images * IMAGE_TOKENS

    def learn(self, call: Call, choice: Choice, usage: Usage) -> None:
        """Take in what the provider counted for *call*."""
        if usage.input_tokens <= 0 or isinstance(call.request, TensorRequest):
            return
        size, images = self._size_of(call, choice)
        if images or not size:
            return  # Pictures say nothing about text.
        known = self._learned.get(choice.name, _UNKNOWN)
        learned = known.after(size, usage.input_tokens)
        if learned is not known:
            self._learned[choice.name] = learned

    def output_tokens(self, call: Call, choice: Choice) -> int:
        """Return how many tokens may be answered, by all that bounds it."""
        request = call.request
        if not isinstance(request, ChatRequest):
            return 0
        wanted = self._pinned(choice).limit or request.max_tokens or DEFAULT_OUTPUT
        answers = _answers(request) if "n" in request.fields else 1
        return min(max(wanted, 1), MOST_OUTPUT) * answers

    def _size_of(self, call: Call, choice: Choice) -> tuple[int, int]:
        """Return the bytes of the text that is sent, and how many pictures go along."""
        sized = call.sized
        if sized is None or sized[0] is not choice:
            size, images = _size_of(call)
            sized = call.sized = choice, size + self._pinned(choice).prompt, images
        return sized[1], sized[2]


def guessed(input_tokens: int, said: int) -> Usage:
    """Return the usage of an answer of so many characters that nobody counted."""
    spoken = -(-said * _MILLI // _UNKNOWN.per_token)
    return Usage(input_tokens=input_tokens, output_tokens=spoken, estimated=True)


def _size_of(call: Call) -> tuple[int, int]:
    body, request = call.body, call.request
    size = len(body)
    if b"image" not in body or not isinstance(request, ChatRequest):
        return size, 0
    try:
        images = _images(request)
    except Invalid:
        return size, body.count(b"image")
    drawn = sum(len(image.data) for image in images)
    return max(size - drawn, 0), len(images)


def _images(request: ChatRequest) -> list[Image]:
    found: list[Image] = []
    for turn in request.conversation().turns:
        for part in turn.parts:
            inner = part.parts if isinstance(part, ToolResult) else (part,)
            found += [piece for piece in inner if isinstance(piece, Image)]
    return found


def _pinned_limit(choice: Choice) -> int:
    pins = choice.version.body.get("parameters")
    values = [pins.get(name) for name in _LIMITS] if isinstance(pins, dict) else []
    return max((v for v in values if isinstance(v, int)), default=0)


def _answers(request: ChatRequest) -> int:
    """Return how many answers are wanted at once."""
    raw = bytes(request.fields.get("n", b"1"))
    return min(int(raw), 128) if raw.isdigit() and int(raw) else 1

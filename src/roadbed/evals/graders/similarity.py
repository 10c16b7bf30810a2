"""How much the answer says what is expected: alike in letters and words, or in vectors.

There is no threshold that fits every question. Without one, the grade is the
similarity. Pairs that people labelled teach one; then the grade is 1 or 0.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from roadbed.core.errors import NotFound
from roadbed.evals.asking import Question
from roadbed.evals.graders._extra import needs
from roadbed.evals.graders._reading import (
    Expecting,
    Unfit,
    Unknown,
    clean,
    cut,
    expected_of,
    text_of,
    texts_of,
)
from roadbed.evals.graders._texts import cosine
from roadbed.evals.grading import UNIT, Direction, Grade, Means, Sample
from roadbed.inference.terms import Block

VERSION = 1
MOST_EXPECTED = 20
LEAST = 10


class Pair(Block):
    """Two texts, and whether people say that they mean the same."""

    answer: str = Field(max_length=20_000, description="What might be answered.")
    expected: str = Field(max_length=20_000, description="What is expected.")
    same: bool = Field(description="Whether a person calls that answer right.")


class Config(Expecting):
    """Settings of the grader `similarity`."""

    method: Literal["lexical", "embeddings"] = Field(
        default="lexical",
        description="`lexical`: hashed runs of 3 to 5 letters and whole words; "
        "nothing leaves this process. `embeddings`: vectors of an endpoint.",
    )
    endpoint: str = Field(default="", description="The endpoint that makes embeddings.")
    longest: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="The most characters of an answer that are compared; a longer "
        "one is wrong.",
    )
    pairs: list[Pair] = Field(
        default_factory=list,
        max_length=2000,
        description="Labelled pairs that teach the threshold: at least 10, of both "
        "kinds. Without any, the grade is the similarity itself.",
    )

    @model_validator(mode="after")
    def _can_be_learned(self) -> "Config":
        if self.method == "embeddings" and not self.endpoint:
            raise ValueError("write the endpoint that makes embeddings")
        kinds = {pair.same for pair in self.pairs}
        if self.pairs and (len(self.pairs) < LEAST or len(kinds) < 2):
            raise ValueError(f"write at least {LEAST} pairs, some the same, some not")
        return self


class Similarity:
    """Compares the answer with each text that is expected, and takes the best."""

    direction: Direction = "higher"
    bounds = UNIT

    def __init__(self, config: Config) -> None:
        self._config = config
        self.binary = bool(config.pairs)
        self._learned: tuple[float, float] | None = None
        self._learning = asyncio.Lock()

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return the similarity, or whether it is above what was learned."""
        try:
            expected = texts_of(expected_of(sample, self._config.expected))
            text = self._bounded(text_of(sample, self._config.output))
            alike = await self._best(text, expected[:MOST_EXPECTED], means)
            return await self._told(alike, means)
        except Unfit as error:
            return Grade(value=0.0, label="unfit", explanation=cut(str(error)))
        except Unknown as error:
            return Grade(value=None, error=cut(str(error)))

    def _bounded(self, text: str) -> str:
        if len(text) > self._config.longest:
            raise Unfit(
                f"the answer is longer than {self._config.longest:,} characters"
            )
        return text

    async def _told(self, alike: float, means: Means) -> Grade:
        if not self.binary:
            return Grade(value=alike)
        threshold, accuracy = await self._threshold(means)
        right = alike >= threshold
        return Grade(
            value=float(right),
            label="same" if right else "different",
            explanation=f"similarity {alike:.3f}, learned threshold {threshold:.3f}",
            detail={"similarity": alike, "threshold": threshold, "accuracy": accuracy},
        )

    async def _best(self, text: str, expected: Sequence[str], means: Means) -> float:
        if self._config.method == "lexical":
            return max(cosine(text, one) for one in expected)
        vectors = await self._vectors([text, *expected], means)
        return max(0.0, *(_cosine(vectors[0], other) for other in vectors[1:]))

    async def _threshold(self, means: Means) -> tuple[float, float]:
        async with self._learning:
            if self._learned is None:
                pairs = self._config.pairs
                alike = [await self._best(p.answer, [p.expected], means) for p in pairs]
                self._learned = learn(alike, [pair.same for pair in pairs])
            return self._learned

    async def _vectors(
        self, texts: Sequence[str], means: Means
    ) -> list[tuple[float, ...]]:
        body = {"input": [clean(text) or " " for text in texts]}
        try:
            ask = means.ask(self._config.endpoint)
        except NotFound as error:
            raise Unknown(error.message) from None
        answered = await ask(Question(body=body, dialect="embeddings"))
        if answered.status != "ok":
            raise Unknown(f"no embeddings: {answered.error or answered.status}")
        rows = answered.outputs.get("embedding", ())
        try:
            vectors = [tuple(float(number) for number in row) for row in rows]
        except (TypeError, ValueError):
            vectors = []
        if len(vectors) != len(texts) or len({len(v) for v in vectors}) != 1:
            raise Unknown("the endpoint did not answer with one vector for each text")
        return vectors


def learn(alike: Sequence[float], same: Sequence[bool]) -> tuple[float, float]:
    """Return the threshold that tells labelled pairs apart best, and how well.

    How well is the mean of how many of the same and of the others it tells, so that
    the rarer kind counts as much. Of equal ones the middle of the widest gap is taken.
    """
    import numpy as np

    scores, labels = np.asarray(alike, float), np.asarray(same, bool)
    edges = np.unique(scores)
    middles = (edges[1:] + edges[:-1]) / 2
    above = np.where(middles > edges[:-1], middles, edges[1:])
    places = np.concatenate([edges[:1], above])
    widths = np.concatenate([[0.0], np.diff(edges)])
    yes = np.array([(scores[labels] >= place).mean() for place in places])
    no = np.array([(scores[~labels] < place).mean() for place in places])
    told = (yes + no) / 2
    best = max(range(len(places)), key=lambda n: (told[n], widths[n]))
    return float(places[best]), float(told[best])


def _cosine(left: Sequence[float], right: Sequence[float]) -> float:
    length = math.sqrt(sum(x * x for x in left) * sum(y * y for y in right))
    dot = sum(x * y for x, y in zip(left, right, strict=True))
    alike = dot / length if length and math.isfinite(length) else 0.0
    return min(1.0, alike) if math.isfinite(alike) else 0.0


def grader(config: Config) -> Similarity:
    """Return the grader."""
    needs("numpy")
    return Similarity(config)

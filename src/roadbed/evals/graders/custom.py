"""What a team's own Python file says of the answer, in a process that is fenced in.

The file has a function `grade(case, answer)`. It returns true or false, a number, or an
object with `value` and, as it likes, `label`, `explanation` and `detail`.
"""

import asyncio
import math
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from roadbed.core.digest import digest, digest_of
from roadbed.core.errors import Invalid, NotReady
from roadbed.evals.graders._reading import cut, shown
from roadbed.evals.graders._sandbox import Sandbox
from roadbed.evals.grading import Direction, Grade, Means, Sample
from roadbed.inference.terms import Block

VERSION = 1
LONGEST = 256 * 1024


class Config(Block):
    """Settings of the grader `custom`."""

    file: str = Field(
        default="",
        max_length=500,
        description="The file, relative to where the evaluation is run.",
    )
    digest: str = Field(
        default="",
        pattern=r"^(sha256:[0-9a-f]{64})?$",
        description="The digest of the file, so that it is known which code graded: "
        "`sha256:` and the hex digits that `sha256sum` prints. A file needs one.",
    )
    code: str = Field(
        default="",
        max_length=LONGEST,
        description="The code itself, instead of a file.",
    )
    binary: bool = Field(
        default=False, description="Whether every grade is 0 or 1; others are errors."
    )
    direction: Direction = Field(default="higher", description="Which way is better.")
    least: float = Field(default=0.0, description="The smallest grade there is.")
    most: float = Field(default=1.0, description="The largest grade there is.")
    seconds: float = Field(
        default=10.0, gt=0, le=600, description="How long one answer may take."
    )
    memory_mb: int = Field(
        default=512, ge=64, le=16_384, description="How much memory it may take."
    )
    need: list[str] = Field(
        default_factory=list,
        max_length=10,
        description="What has to be enforced, such as `network`: where the system "
        "cannot, nothing is graded. Each grade says what was enforced.",
    )

    @model_validator(mode="after")
    def _is_one_of_two(self) -> "Config":
        if bool(self.file) == bool(self.code):
            raise ValueError("write either file, with its digest, or code")
        if self.file and not self.digest:
            raise ValueError("write the digest of the file: its SHA-256")
        if self.least >= self.most:
            raise ValueError("least must be less than most")
        return self


class Custom:
    """Puts each answer to the team's function; what goes wrong is never a pass."""

    def __init__(self, config: Config, code: str) -> None:
        self.direction: Direction = config.direction
        self.binary = config.binary
        self._config = config
        self._sandbox = Sandbox(code, config.seconds, config.memory_mb)

    async def grade(self, sample: Sample, means: Means) -> Grade:
        """Return what the function says; a crash, a hang or garbage is an error."""
        try:
            told = await asyncio.to_thread(
                self._sandbox.ask, _case(sample), _answer(sample)
            )
        except NotReady as error:
            return Grade(value=None, error=cut(error.message))
        lacking = set(self._config.need) - set(self._sandbox.enforced)
        if lacking:
            said = f"this system does not enforce {', '.join(sorted(lacking))}"
            return Grade(value=None, error=cut(said))
        if "said" not in told:
            return Grade(value=None, error=cut(str(told.get("error") or "garbage")))
        return self._read(told["said"])

    def close(self) -> None:
        """End the process of the code."""
        self._sandbox.close()

    def _read(self, said: Any) -> Grade:
        fields = said if isinstance(said, dict) else {"value": said}
        value = fields.get("value")
        if not isinstance(value, int | float) or not self._is_grade(float(value)):
            told = f"it says {shown(value, 80)}, which is no grade"
            return Grade(value=None, error=cut(told))
        return Grade(
            value=float(value),
            label=cut(str(fields.get("label", "")), 100),
            explanation=cut(str(fields.get("explanation", ""))),
            detail=self._detail(fields.get("detail")),
        )

    def _is_grade(self, value: float) -> bool:
        if self.binary and value not in (0.0, 1.0):
            return False
        config = self._config
        return math.isfinite(value) and config.least <= value <= config.most

    def _detail(self, detail: Any) -> dict[str, Any]:
        enforced = {"enforced": list(self._sandbox.enforced)}
        if not isinstance(detail, dict):
            return enforced
        try:
            digest_of(detail)
        except Invalid:
            return enforced
        return {**detail, **enforced}


def _case(sample: Sample) -> dict[str, Any]:
    case = sample.case
    return {
        "id": case.id,
        "input": case.input,
        "expected": case.expected,
        "tags": list(case.tags),
    }


def _answer(sample: Sample) -> dict[str, Any]:
    answered = sample.answered
    tools = [{"name": t.name, "arguments": t.arguments} for t in answered.tools]
    return {
        "text": answered.text,
        "tools": tools,
        "outputs": {name: list(map(_plain, v)) for name, v in answered.outputs.items()},
        "documents": list(answered.documents),
        "status": answered.status,
        "finish": answered.finish,
        "cost_nano": answered.cost_nano,
        "latency_us": answered.latency_us,
    }


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _read_file(config: Config) -> str:
    """Return the code of the file; raise Invalid unless it is the one that is meant."""
    try:
        with Path(config.file).open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise Invalid(
            f"the grader's file {config.file!r} cannot be read: {error.strerror}",
            hint="its path is relative to where the evaluation is run",
        ) from None
    if len(data) > LONGEST:
        raise Invalid(f"the grader's file {config.file!r} is larger than 256 kB")
    if digest(data) != config.digest:
        raise Invalid(
            f"the grader's file {config.file!r} is not the one that was declared",
            hint=f"if it is the right one, write digest: {digest(data)}",
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid(f"the grader's file {config.file!r} is no UTF-8 text") from None


def grader(config: Config) -> Custom:
    """Return the grader; raise Invalid if its file is not the declared one."""
    return Custom(config, config.code or _read_file(config))

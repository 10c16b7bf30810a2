"""A whole line in a folder, with a model that knows as much as its name says."""

import asyncio
import json
import re
import zlib
from dataclasses import replace
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from roadbed.app import initialise, open_app
from roadbed.control.desk import Desk
from roadbed.control.load import read_stack
from roadbed.control.preview import Preview
from roadbed.control.state import current
from roadbed.core.actor import Principal
from roadbed.core.errors import Refused, Unavailable
from roadbed.core.reference import parse
from roadbed.inference.call import Chunk, TensorRequest, Usage
from roadbed.inference.tensor import from_values
from roadbed.server.evaluating.evaluator import Evaluator
from roadbed.server.evaluating.gates import Gates
from roadbed.server.evaluating.inside import Inside
from roadbed.settings import Settings
from tests.control.stacks import OPERATOR, resource, write

TESTER = Principal(
    kind="service-account",
    name="tester",
    roles=frozenset({"eval-bot"}),
    expires_us=2**62,
)


class Config(BaseModel):
    """Settings of the quiz."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delay_s: float = 0.0
    fails: str = ""
    shift: int = 0


class Quiz:
    """Knows the answers to so many of a hundred questions as its upstream says."""

    asked: ClassVar[list[str]] = []
    says = ""
    refuses = ""
    twist = staticmethod(str)

    def __init__(self, config):
        self.config = config

    def open(self, version):
        return Pupil(self.config, version)

    async def close(self):
        pass


class Pupil:
    def __init__(self, config, version):
        self.config = config
        self.skill = int(str(version.body.get("upstream", "quiz-100")).split("-")[1])

    async def send(self, call):
        config = self.config
        if config.delay_s:
            await asyncio.sleep(config.delay_s)
        if isinstance(call.request, TensorRequest):
            (row,) = call.request.inputs
            total = from_values("sum", "FP64", [1], [sum(row.values())])
            yield Chunk(tensors=(total,), finish="stop")
            return
        question = call.request.question()
        Quiz.asked.append(question)
        if config.fails and re.search(config.fails, question):
            raise Unavailable("the quiz is over")
        if Quiz.refuses and Quiz.refuses in question:
            raise Refused("not this one")
        luck = zlib.crc32(f"{config.shift}{question}".encode()) % 100
        text = question.upper() if luck < self.skill else "no idea"
        text = Quiz.twist(Quiz.says or text)
        usage = Usage(input_tokens=2, output_tokens=3)
        yield Chunk(text=text, finish="stop", usage=usage)

    def metadata(self):
        return {"platform": "quiz", "inputs": [], "outputs": []}

    async def close(self):
        pass


class Catalog:
    """A catalog whose only provider is `quiz`; `quiz-N` is pinned, `quiz` is not."""

    def names(self):
        return ["quiz"]

    def config_class(self, type_name):
        return Config

    def unpinned(self, type_name, config, upstream):
        return None if "latest" not in upstream else "name a number"

    def unfit(self, type_name, config, definition):
        return None

    def open(self, type_name, config):
        return Quiz(Config(**config))


PROVIDER = resource("Provider", "quiz", "type: quiz")
ACCOUNT = resource("ServiceAccount", "tester", "roles: [eval-bot]")


def model(skill=100, name="pupil", more=""):
    spec = f"owner: team\nhosted:\n  provider: quiz\n  upstream: quiz-{skill}\n{more}"
    return resource("Model", name, spec)


def endpoint(version="pupil@1", name="school", more=""):
    return resource("Endpoint", name, f"model: {version}\n{more}")


def evaluation(name="exam", more="", golden="questions@1", gate="{tolerance: 0.05}"):
    spec = (
        f"endpoint: school\ncases: {{dataset: {golden}}}\n"
        f"graders:\n- {{name: right, grader: exact, gate: {gate}}}\n{more}"
    )
    return resource("Evaluation", name, spec)


class Line:
    """A line in *folder*; `apply` makes resources live."""

    def __init__(self, folder):
        self.folder = folder
        self.settings = Settings(state=folder / ".roadbed")
        if not self.settings.state.exists():
            initialise(self.settings)
        app = open_app(self.settings)
        catalog = Catalog()
        desk = Desk(
            database=app.database, blobs=app.blobs, catalog=catalog, clock=app.clock
        )
        self.app = replace(app, catalog=catalog, desk=desk)

    def golden(self, count=40, name="questions", **columns):
        rows = {
            "id": [f"c{n}" for n in range(count)],
            "input": [f"what is {n}" for n in range(count)],
            "expected": [f"WHAT IS {n}" for n in range(count)],
            **{name: [make(n) for n in range(count)] for name, make in columns.items()},
        }
        return self.app.datasets.snapshot(name, rows, "service-account:tester")

    def declare(self, *resources, folder="stack"):
        known = "".join(resources)
        mine = () if "kind: Provider" in known else (PROVIDER,)
        texts = [OPERATOR, ACCOUNT, *mine, *resources]
        return write(self.folder / folder, stack="---\n".join(texts))

    def apply(self, *resources):
        """Make *resources* live, the evaluations last: so nothing is promoted."""
        plain = [text for text in resources if "kind: Evaluation" not in text]
        self.put(*plain)
        if len(plain) < len(resources):
            self.put(*resources)

    def put(self, *resources, actor="service-account:operator"):
        proposal = self.app.desk.propose(self.declare(*resources))
        return self.app.desk.apply(proposal, actor)

    def preview(self, *resources):
        with self.app.database.read() as connection:
            live = current(connection)
        if not resources:
            return Preview(live=live)
        stack, problems = read_stack(self.declare(*resources, folder="branch"))
        assert not problems, problems
        return Preview(live=live, stack=stack)

    def evaluate(self, version="pupil@1", preview=None, name="exam", **options):
        """Return what one evaluation of *version* shows, by the tester."""

        async def work():
            seen = preview or self.preview()
            async with Inside(self.app, TESTER, seen) as inside:
                evaluator = Evaluator(inside)
                content = seen.content("Evaluation", name)
                order = evaluator.order(content, parse(version))
                tell = options.pop("tell", lambda progress: None)
                return await evaluator.evaluate(order, tell, **options)

        return asyncio.run(work())

    def gate(self, version="", preview=None, names=()):
        """Return what the gates of the endpoint say, as the tester sees it."""

        async def work():
            seen = preview or self.preview()
            async with Inside(self.app, TESTER, seen) as inside:
                gates = Gates(Evaluator(inside))
                ref = parse(version) if version else None
                return await gates.gate("school", ref, names)

        return asyncio.run(work())

    def rows(self, said):
        lines = b"".join(self.app.blobs.get(said["rows"])).splitlines()
        return [json.loads(line) for line in lines]

    def close(self):
        self.app.close()

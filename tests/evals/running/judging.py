"""A judge behind a real socket, and what people said."""

import json
from dataclasses import replace

from roadbed.app.catalog import Installed
from roadbed.testing.upstream.behaviour import Behaviour
from roadbed.testing.upstream.server import Upstream
from tests.control.stacks import resource
from tests.evals.running.line import Catalog, endpoint, model


class JudgeUpstream(Upstream):
    """Speaks as OpenAI does, and lets an answer pass if `passes` says so."""

    def __init__(self, passes):
        super().__init__()
        self.passes = passes

    def verdict(self, shown):
        """Return the verdict on what *shown* returns by the name of its part."""
        passed = bool(self.passes(shown("answer")))
        return {"points": int(passed), "label": "pass" if passed else "fail"}

    def _next(self, request):
        asked = request.json()["messages"][1]["content"]
        fence = asked.split("begin with ")[1].split(". All")[0]

        def shown(name):
            return asked.split(f"{fence} {name}\n")[1].split(f"\n{fence} end of")[0]

        said = {"reason": "seen", **self.verdict(shown)}
        message = {"role": "assistant", "content": json.dumps(said)}
        body = {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": request.json()["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59},
        }
        return Behaviour(body=json.dumps(body))


class PairUpstream(JudgeUpstream):
    """Compares two answers: where `passes` tells nothing, the first one wins."""

    def verdict(self, shown):
        one, other = (bool(self.passes(shown(f"answer {name}"))) for name in "AB")
        return {"better": "B" if other > one else "A"}


class Both(Catalog):
    """The quiz, and the providers that there really are."""

    def __init__(self, real):
        self._real = real

    def names(self):
        return ["quiz", *self._real.names()]

    def of(self, type_name):
        return super() if type_name == "quiz" else self._real

    def config_class(self, type_name):
        return self.of(type_name).config_class(type_name)

    def unpinned(self, type_name, config, upstream):
        return self.of(type_name).unpinned(type_name, config, upstream)

    def unfit(self, type_name, config, definition):
        return self.of(type_name).unfit(type_name, config, definition)

    def open(self, type_name, config):
        return self.of(type_name).open(type_name, config)


def with_real_providers(line):
    """Let *line* know real providers beside the quiz."""
    catalog = Both(Installed(blobs=line.app.blobs, secrets=line.app.secrets))
    desk = replace(line.app.desk, catalog=catalog)
    line.app = replace(line.app, catalog=catalog, desk=desk)
    return line


def judge_at(url, upstream="gpt-4o-2024-08-06"):
    """Return the resources of a judge."""
    config = f"{{base_url: '{url}', private: true}}"
    hosted = f"owner: team\nhosted: {{provider: bench, upstream: {upstream}}}"
    return (
        resource("Provider", "bench", f"{{type: openai, config: {config}}}"),
        resource("Model", "judge", hosted),
        endpoint("judge@1", "judge", "stage: development"),
        resource(
            "PriceList",
            "own",
            f"prices: [{{provider: bench, upstream: {upstream}, since: '2026-01-01', "
            "input: '2.5', output: '10'}]",
        ),
    )


def judged(agreement="agreement: 0.8", bar="floor: 0.6", more=""):
    spec = (
        "endpoint: school\ncases: {dataset: questions@1}\ngraders:\n"
        "- name: kind\n  grader: judge\n"
        "  config: {endpoints: [judge], rubric: It repeats the question loudly.}\n"
        f"  gate: {{{bar}, {agreement}}}\n{more}"
    )
    return resource("Evaluation", "exam", spec)


def stack(url, skill=100, serves="pupil@1", **exam):
    quiz = resource("Provider", "quiz", "type: quiz")
    return (quiz, *judge_at(url), model(skill), endpoint(serves), judged(**exam))

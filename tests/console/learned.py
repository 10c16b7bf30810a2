"""Cases to review and quality over time, for pages without a database."""

from roadbed.console.learning.asked import Desk, Queue
from roadbed.control.quality import DAY_US, EndpointQuality
from roadbed.evals.golden import Candidate
from roadbed.evals.quality import Estimate, Gap, Quality, gap
from roadbed.evals.statistics.agreement import kappa, percent

NOW = 1_795_168_800_000_000
LABELS = ("aaaaaaaaaaaarrrrrrrrrrrr", "aaaaaaaaaaarrrrrrrrrrraa")
QUEUES = (
    Queue(
        dataset="support-golden",
        states={"waiting": 14, "disputed": 1, "accepted": 6, "published": 120},
        agreement=percent(*LABELS),
        beyond=kappa(*LABELS),
        pairs=24,
    ),
    Queue(dataset="tumor-golden", states={"waiting": 3}),
)
SAID = Candidate(
    id="0193a1b2-0000-7000-8000-000000000001",
    dataset="support-golden",
    state="waiting",
    wanted=2,
    at_us=NOW - DAY_US,
    actor="service-account:mira",
    input=[
        {"role": "system", "content": "Answer in one sentence, from the handbook."},
        {
            "role": "user",
            "content": "I was charged twice for the annual plan.\n"
            "How long does the refund take, and do I have to write to you again?",
        },
    ],
    answer="Refunds are made within 30 days. Please open a second ticket.",
    expected="Refunds are made within 14 days, and you need not write again.",
    call_id="local-0193a1b2-0000-7000-8000-000000000001",
    endpoint="reply-draft",
    model="reply-draft@4",
    reason="thumbs down",
    probability=None,
)
ROW = Candidate(
    id="0193a1b2-0000-7000-8000-000000000002",
    dataset="tumor-golden",
    state="waiting",
    wanted=1,
    at_us=NOW,
    actor="service-account:mira",
    input={"radius": 14.2, "texture": 21.5, "site": "left"},
    answer={"label": "benign", "probabilities": [0.62, 0.38]},
    model="tumor-triage@1",
    reason="random",
    probability=0.05,
)


def step(grader, model, day, value, half, n=80):
    """Return the quality of one day."""
    start = (NOW - (29 - day) * DAY_US) // DAY_US * DAY_US
    return Quality(
        grader=grader,
        model=model,
        since_us=start,
        until_us=start + DAY_US,
        estimate=Estimate(
            value=value,
            low=max(0.0, value - half),
            high=min(1.0, value + half),
            n=n,
            effective=n * 0.7,
            missing=n // 20,
        ),
    )


def steps():
    """Return a month in which the second version is better."""
    for day in range(28):
        wave = 0.03 * ((day * 7) % 5 - 2)
        if day < 16:
            yield step("exact", "reply-draft@3", day, 0.82 + wave, 0.07)
        if day >= 13:
            yield step("exact", "reply-draft@4", day, 0.9 + wave / 2, 0.06)
        yield step("feedback: thumbs", "reply-draft@4", day, 0.7 + wave, 0.15, 20)


def gaps():
    """Return what one version lost on its way into production."""
    online = step("exact", "reply-draft@4", 0, 0.904, 0.02, 1120).estimate
    offline = Estimate(value=0.942, low=0.912, high=0.962, n=310, effective=310.0)
    found = gap(offline, online)
    return (
        Gap(
            evaluation="reply-quality",
            grader="exact",
            model="reply-draft@4",
            report="sha256:" + "4f" * 32,
            reported_us=NOW - 12 * DAY_US,
            offline=offline,
            online=online,
            gap=found,
        ),
    )


class SampleLearning:
    """Answers with the constants above; `labels` remembers what was said."""

    def __init__(self):
        self.labels = []

    def queues(self):
        return QUEUES

    def desk(self, dataset, after):
        queue = next((q for q in QUEUES if q.dataset == dataset), QUEUES[1])
        found = {"support-golden": SAID, "tumor-golden": ROW}.get(dataset)
        return Desk(queue=queue, candidate=None if after else found)

    def label(self, dataset, candidate, label):
        self.labels.append((dataset, candidate, label))
        return "accepted" if label.verdict == "accept" else "rejected"

    def quality(self, endpoint, span):
        whole = (
            step("exact", "reply-draft@3", 0, 0.823, 0.02, 1280),
            step("exact", "reply-draft@4", 0, 0.904, 0.02, 1120),
            step("feedback: thumbs", "reply-draft@4", 0, 0.702, 0.04, 560),
        )
        return EndpointQuality(
            endpoint=endpoint,
            since_us=span[0],
            until_us=span[1],
            step_us=DAY_US,
            steps=tuple(steps()),
            whole=whole,
            gaps=gaps(),
            corrections=17,
        )


class EmptyLearning(SampleLearning):
    """A line where nothing was ever said."""

    def queues(self):
        return ()

    def desk(self, dataset, after):
        return Desk(queue=Queue(dataset=dataset, states={}))

    def quality(self, endpoint, span):
        return EndpointQuality(
            endpoint=endpoint,
            since_us=span[0],
            until_us=span[1],
            step_us=DAY_US,
            steps=(),
            whole=(),
        )


class HostileLearning(SampleLearning):
    """The same with attacks in every text."""

    def __init__(self, hostile):
        super().__init__()
        self._hostile = hostile

    def queues(self):
        return self._hostile(super().queues())

    def desk(self, dataset, after):
        return self._hostile(super().desk("support-golden", ""))

    def quality(self, endpoint, span):
        return self._hostile(super().quality(endpoint, span))

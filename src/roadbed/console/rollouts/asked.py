"""What the pages of rollouts show, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from roadbed.console.rollouts.filters import RolloutFilter
from roadbed.rollouts.shown import Balance, Tile
from roadbed.rollouts.state import WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRow:
    """One rollout in one line.

    `step` of `steps` counts from 1, 0 before the first; `weight` is of 10,000.
    `said` is the guardrail that says most, with its verdict, empty where none does.
    """

    id: str
    endpoint: str
    old: str
    new: str
    phase: str
    strategy: str
    weight: int
    step: int
    steps: int
    reason: str
    since_us: int
    started_us: int
    started_by: str
    said: str = ""

    @property
    def over(self) -> bool:
        """Say whether nothing follows."""
        return self.phase in ("promoted", "rolled_back", "aborted", "superseded")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTold:
    """An endpoint that serves something else than the stack pins, and how to mend it.

    `mend` is a command that pins what is served in the file, empty if it is not known
    where that is; `rollout` is the page of what led there.
    """

    endpoint: str
    pinned: str
    served: str
    reason: str
    rollout: str
    where: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutGroup:
    """The rollouts in one state, the newest first; `older` is the cursor of more."""

    name: str
    label: str
    rows: tuple[RolloutRow, ...] = ()
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutList:
    """The rollouts by their state, what drifted, and the endpoints to choose from."""

    groups: tuple[RolloutGroup, ...] = ()
    drifts: tuple[DriftTold, ...] = ()
    endpoints: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Say whether there is no rollout at all."""
        return not any(group.rows for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One transition; `evidence` is plain JSON, empty where somebody acted.

    `lasted_us` is how long it stayed so, up to now if it still does.
    """

    at_us: int
    phase: str
    step: int
    weight: int
    actor: str
    reason: str
    digest: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    lasted_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One station of the way that was planned.

    `state` is `done`, `here`, `held` while somebody is needed, `ended` where it came
    to an end before its time, or `ahead`.
    """

    label: str
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One thing that it waits for; `part` of 1 is there, None if that is no number."""

    text: str
    done: bool
    part: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaLine:
    """What one replica says that it serves; `gone` has said nothing for a while."""

    name: str
    state: str
    weight: int
    reason: str
    seen_us: int
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ActTold:
    """One thing that people do; `possible` says whether it can be done now.

    `refused` says why not by this visitor, empty if they may.
    """

    name: str
    label: str
    explained: str
    possible: bool
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutPage:
    """One rollout: where it is, how it came there, and what it goes by.

    `newest` says that its endpoint had none since. `revision` counts its changes.
    """

    row: RolloutRow
    revision: int
    newest: bool
    declared: str
    snapshot: int
    stops: tuple[Stop, ...] = ()
    waits: tuple[Wait, ...] = ()
    tiles: tuple[Tile, ...] = ()
    balance: Balance | None = None
    events: tuple[Event, ...] = ()
    replicas: tuple[ReplicaLine, ...] = ()
    acts: tuple[ActTold, ...] = ()
    plan: tuple[tuple[str, str], ...] = ()
    drift: DriftTold | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an endpoint's newest rollout stands, and whether Git says otherwise."""

    row: RolloutRow
    drift: DriftTold | None = None

    @property
    def waits(self) -> bool:
        """Say whether it is up to somebody what happens next."""
        return self.row.phase in WAITING or self.drift is not None


class Rolling(Protocol):
    """Answers what one visitor's pages ask of rollouts, and does what they say.

    Methods block, and run in threads. One that is given an id raises NotFound if
    nothing has it that the visitor may see.
    """

    def rollouts(self, wanted: RolloutFilter, now_us: int) -> RolloutList:
        """Return the rollouts that *wanted* describes."""
        ...

    def rollout(self, rollout_id: str, now_us: int) -> RolloutPage:
        """Return one rollout."""
        ...

    def endpoint_of(self, rollout_id: str) -> str:
        """Return the endpoint of a rollout."""
        ...

    def newest(self) -> Mapping[str, Standing]:
        """Return how the newest rollout of each endpoint stands that had any."""
        ...

    def steer(
        self, rollout_id: str, what: str, reason: str, revision: int, now_us: int
    ) -> None:
        """Do *what* to a rollout, if it is still where it was at *revision*."""
        ...

    def roll_back(self, rollout_id: str, reason: str, now_us: int) -> str:
        """Let its endpoint serve what it served before; return the rollout's id."""
        ...

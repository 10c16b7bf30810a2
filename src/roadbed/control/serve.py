"""Compiles what a replica serves, keeping loaded what did not change."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from roadbed.control.allowances import budgets_of, rate_limits_of
from roadbed.control.directory import directory_of
from roadbed.control.loading import Loader, StillLoading
from roadbed.control.pricing import priced
from roadbed.control.readable import (
    attributes_of,
    choice_of,
    deployment_of,
    loaded_of,
    pins_of,
    served_of,
    version_attributes,
)
from roadbed.control.state import Revision, State, current_resources
from roadbed.core.actor import Principal
from roadbed.core.digest import digest_of
from roadbed.core.errors import Conflict, Corrupt, NotFound, ProviderError, RoadbedError
from roadbed.core.reference import VersionRef, parse
from roadbed.gateway.money.pricelist import PriceBook
from roadbed.gateway.money.published import Published, published
from roadbed.identity.credentials import load_credentials
from roadbed.identity.directory import NOBODY_KNOWN, Directory
from roadbed.identity.load import load_verifier
from roadbed.identity.verifier import Verifier
from roadbed.inference.provider import Provider, Runner
from roadbed.inference.snapshot import (
    Authority,
    Choice,
    Deployment,
    ModelVersion,
    Snapshot,
)
from roadbed.registry.approvals import withdrawn
from roadbed.registry.versions import get_version
from roadbed.rollouts.arms import arms_of
from roadbed.rollouts.rollout import Served
from roadbed.rollouts.store import newest_of_each

OpenProvider = Callable[[str, Mapping[str, Any]], Provider]
"""Makes a provider from its type and its config."""
AuthorityOf = Callable[[Mapping[str, str]], Authority]
"""Compiles the Cedar texts of a stack, by policy name."""
ProviderKey = str
"""The digest of a provider's name, type and config, at one of its places."""
RunnerKey = tuple[ProviderKey, str]
"""A provider, and the name and digest of the version that it has loaded."""
Pins = Sequence[VersionRef]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A snapshot, and what is held open for it.

    `choices` are all versions that are loaded, by their pins: also those that are kept
    to go back to. `loading` are those under way: when one has ended, compile again; and
    when `fresh_s` seconds are over, for then one need not be kept any longer.
    """

    snapshot: Snapshot
    providers: Mapping[ProviderKey, Provider] = field(default_factory=dict)
    runners: Mapping[RunnerKey, Runner] = field(default_factory=dict)
    choices: Mapping[str, Choice] = field(default_factory=dict)
    loading: Sequence[Future[Runner]] = ()
    fresh_s: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What the database says is to be served, read at one moment.

    `faults` are the pins that cannot be served, and why; `rollouts` say what endpoints
    serve that had any, by their names. Every other serves what it pins.
    """

    state: State
    credentials: Mapping[str, Principal]
    directory: Directory = NOBODY_KNOWN
    tokens: Verifier = field(default_factory=lambda: Verifier(issuer=""))
    faults: Mapping[VersionRef, RoadbedError] = field(default_factory=dict)
    rollouts: Mapping[str, Served] = field(default_factory=dict)


def read_declared(connection: sa.Connection, now_us: int, issuer: str = "") -> Declared:
    """Return what is to be served, with the keys that are valid at *now_us*.

    *issuer* is the name of this line in its own tokens. Reads the versions that are
    pinned or rolled out and no others, so it stays quick.
    """
    state = current_resources(connection)
    directory = directory_of(state)
    rollouts = _rollouts(connection, state, now_us)
    versions: dict[str, tuple[ModelVersion, ...]] = {}
    faults: dict[VersionRef, RoadbedError] = {}
    gone = withdrawn(connection)
    for pin in sorted(
        {
            pin
            for endpoint in state.of("Endpoint")
            for pin in loaded_of(endpoint.content, rollouts[endpoint.name])
        }
    ):
        if pin in gone:
            faults[pin] = Conflict(f"{pin} was withdrawn")
            continue
        try:
            found = get_version(connection, pin)
            versions[pin.name] = (*versions.get(pin.name, ()), found)
        except (Corrupt, NotFound) as error:
            faults[pin] = error
    credentials = load_credentials(connection, directory, _keyed(state), now_us)
    return Declared(
        state=replace(state, versions=versions, withdrawn=gone),
        credentials=credentials,
        directory=directory,
        tokens=load_verifier(connection, issuer, directory, credentials, now_us),
        faults=faults,
        rollouts=rollouts,
    )


def _rollouts(
    connection: sa.Connection, state: State, now_us: int
) -> dict[str, Served]:
    newest = newest_of_each(connection)
    return {
        endpoint.name: served_of(endpoint.content, newest.get(endpoint.name), now_us)
        for endpoint in state.of("Endpoint")
    }


def compile_snapshot(
    declared: Declared,
    open_provider: OpenProvider,
    authority_of: AuthorityOf,
    previous: Serving | None = None,
    known: Published = published,
    loader: Loader | None = None,
) -> Serving:
    """Return what serves *declared*; run it in a worker thread, it loads models.

    With a *loader* it does not wait for those that load long: till they have, what was
    served before goes on, and `loading` names the endpoints.

    What *previous* has loaded and is still declared stays loaded. An endpoint whose
    version cannot be loaded is `broken`, and goes on with it if *previous* holds it
    open, or else with what it served before. A newer version that cannot be loaded
    makes its rollout `unready`, and no more. Raises Invalid if the policies cannot be
    compiled: then *previous* goes on. *known* looks up the prices that are published.
    """
    book = PriceBook((p.content for p in declared.state.of("PriceList")), known)
    building = _Building(declared, open_provider, previous, book, loader)
    under_way = building.take_all()
    authority = _authority(declared.state, authority_of, previous)
    return Serving(
        snapshot=_snapshot(declared, building, authority),
        providers=building.providers,
        runners=building.runners,
        choices=building.choices,
        loading=under_way,
        fresh_s=min(
            (s.kept_s for s in declared.rollouts.values() if s.kept), default=math.inf
        ),
    )


def _snapshot(
    declared: Declared, building: "_Building", authority: Authority
) -> Snapshot:
    state = declared.state
    return Snapshot(
        revision=state.revision,
        digest=state.digest,
        authority=authority,
        credentials=declared.credentials,
        directory=declared.directory,
        tokens=declared.tokens,
        deployments=building.deployments,
        broken=building.broken,
        unserved=building.unserved,
        impaired=building.impaired,
        unready=building.unready,
        loading=building.loading,
        budgets=budgets_of(state, declared.directory),
        limits=rate_limits_of(state, declared.directory),
    )


def left_behind(before: Serving, after: Serving) -> list[Runner | Provider]:
    """Return what *before* held open and *after* does not, in the order to close it.

    Close it when the calls that began under *before* have ended.
    """
    runners = [r for k, r in before.runners.items() if k not in after.runners]
    kept = after.providers
    return [*runners, *(p for k, p in before.providers.items() if k not in kept)]


class _Building:
    """One snapshot under way."""

    def __init__(
        self,
        declared: Declared,
        open_provider: OpenProvider,
        previous: Serving | None,
        prices: PriceBook,
        loader: Loader | None,
    ) -> None:
        self.deployments: dict[str, Deployment] = {}
        self.broken: dict[str, str] = {}
        self.unserved: dict[str, dict[str, Any]] = {}
        self.impaired: dict[str, str] = {}
        self.unready: dict[str, str] = {}
        self.loading: dict[str, str] = {}
        self.providers: dict[ProviderKey, Provider] = {}
        self.runners: dict[RunnerKey, Runner] = {}
        self.choices: dict[str, Choice] = {}
        self._state = declared.state
        self._faults = declared.faults
        self._rollouts = declared.rollouts
        self._prices = prices
        self._directory = declared.directory
        self._open = open_provider
        self._previous = previous
        self._loader = loader
        self._failed: dict[RunnerKey, RoadbedError] = {}

    def take_all(self) -> Sequence[Future[Runner]]:
        """Deploy every endpoint that is declared; return the loads under way."""
        for endpoint in self._state.of("Endpoint"):
            self.take(endpoint)
        held = self._previous.runners if self._previous else {}
        asked = {*self.runners, *self._failed}.difference(held)
        return self._loader.forget(asked) if self._loader else ()

    def take(self, endpoint: Revision) -> None:
        """Deploy *endpoint*, or say why it is broken and keep what served before."""
        pin, *others = pins_of(endpoint.content)
        served = self._rollouts.get(endpoint.name) or Served(base=str(pin))
        base = parse(served.base)
        try:
            choice = self._choice(base)
            beside = self._others(endpoint, others)
        except RoadbedError as error:
            self._lacks(endpoint, error, self.broken, endpoint.name)
            self._keep_previous(endpoint, base)
        else:
            deployed = deployment_of(endpoint.content, choice, beside)
            self.deployments[endpoint.name] = deployed
        self._begin(endpoint, served, others)
        self._keep_loaded(endpoint, served.kept)

    def _begin(self, endpoint: Revision, served: Served, others: Pins) -> None:
        """Let a newer version take over from the one that serves."""
        deployed, rollout = self.deployments.get(endpoint.name), served.rollout
        if deployed is None or rollout is None or not served.candidate:
            return
        newer = self._candidate(endpoint, rollout.id, parse(served.candidate))
        if newer is not None and deployed.choices[0].name == served.base:
            beside = self._others(endpoint, others)
            arms = arms_of(rollout, deployment_of(endpoint.content, newer, beside))
            self.deployments[endpoint.name] = replace(deployed, arms=arms)

    def _candidate(
        self, endpoint: Revision, rollout: str, pin: VersionRef
    ) -> Choice | None:
        """Return the newer version, or say why there is none; what is open stays so."""
        try:
            return self._choice(pin)
        except RoadbedError as error:
            if held := self._held(pin):
                self._impair(endpoint, pin, error)
            else:
                self._lacks(endpoint, error, self.unready, rollout)
            return held

    def _keep_loaded(self, endpoint: Revision, pin: str) -> None:
        """Keep *pin* loaded, to go back to it; without it, something is lacking."""
        try:
            if pin and not self._held(parse(pin)):
                self._choice(parse(pin))
        except RoadbedError as error:
            self._impair(endpoint, pin, error)

    def _others(self, endpoint: Revision, pins: Pins) -> dict[str, Choice]:
        """Return what may stand in; what cannot be loaded does not, and is named."""
        found = {}
        for pin in pins:
            try:
                found[str(pin)] = self._choice(pin)
            except RoadbedError as error:
                self._impair(endpoint, pin, error)
        return found

    def _impair(
        self, endpoint: Revision, pin: VersionRef | str, error: RoadbedError
    ) -> None:
        """Say that *endpoint* lacks *pin*, which does not serve now."""
        if isinstance(error, StillLoading):
            self.loading[endpoint.name] = error.message
        else:
            self.impaired[endpoint.name] = f"{pin}: {error.message}"

    def _lacks(
        self, endpoint: Revision, error: RoadbedError, faults: dict[str, str], name: str
    ) -> None:
        """Write among *faults* why *name* is not as declared, if that is to last."""
        if isinstance(error, StillLoading):
            self.loading[endpoint.name] = error.message
        else:
            faults[name] = _told(error)

    def _choice(self, pin: VersionRef) -> Choice:
        if pin in self._faults:
            raise self._faults[pin]
        version = self._state.version(pin)
        if version is None:
            raise NotFound(f"{pin} does not exist")
        provider = self._state.resources.get(("Provider", version.body["provider"]))
        if provider is None:
            raise NotFound(f"there is no provider {version.body['provider']!r}")

        def opened(place: Mapping[str, Any]) -> Runner:
            return self._runner(version, provider, place)

        choice = choice_of(version, self._readable(version), provider.content, opened)
        choice = priced(choice, provider.content, self._prices)
        self.choices[choice.name] = choice
        return choice

    def _readable(self, version: ModelVersion) -> dict[str, Any]:
        """Return what policies may read of *version*, as its model is declared now."""
        model = self._state.resources.get(("Model", version.model))
        if model is None:
            raise NotFound(f"there is no model {version.model!r}")
        ref = VersionRef(version.model, version.number)
        maker = getattr(version, "actor", "")
        return version_attributes(model.content, ref, maker, self._directory)

    def _runner(
        self, version: ModelVersion, provider: Revision, place: Mapping[str, Any]
    ) -> Runner:
        """Return the runner of *version*: loaded before, or now; fail only once."""
        key = _provider_key(provider, place), f"{version} {version.digest}"
        if key in self._failed:
            raise self._failed[key]
        if key not in self.runners:
            try:
                self.runners[key] = self._load(key, version, provider, place)
            except RoadbedError as error:
                self._failed[key] = error
                raise
        return self.runners[key]

    def _load(
        self,
        key: RunnerKey,
        version: ModelVersion,
        provider: Revision,
        place: Mapping[str, Any],
    ) -> Runner:
        held = self._previous.runners.get(key) if self._previous else None
        try:
            opened = self._provider(provider, place)
            if held is not None:
                return held
            if self._loader is None:
                return opened.open(version)
            return self._loader.load(key, str(version), lambda: opened.open(version))
        except RoadbedError:
            raise
        except Exception as error:  # A plug-in's fault must not stop the others.
            _log.exception("provider %s could not load %s", provider.name, version)
            raise ProviderError(
                f"{version} could not be loaded: the provider {provider.name!r} failed",
                hint="the server's log says where",
            ) from error

    def _provider(self, provider: Revision, place: Mapping[str, Any]) -> Provider:
        key = _provider_key(provider, place)
        if key not in self.providers:
            held = self._previous.providers.get(key) if self._previous else None
            spec = provider.content["spec"]
            config = {**spec["config"], **place["config"]}
            self.providers[key] = held or self._open(spec["type"], config)
        return self.providers[key]

    def _keep_previous(self, endpoint: Revision, base: VersionRef) -> None:
        """Go on with *base* if it is held open, or with what served before.

        Under the terms declared now, and by whom it may be asked is as of now too.
        """
        before = self._previous.snapshot.deployments if self._previous else {}
        kept = before.get(endpoint.name)
        choice = self._held(base)
        if choice is None and kept is None:
            self.unserved[endpoint.name] = attributes_of(endpoint.content)
            self.broken.setdefault(endpoint.name, self.loading.get(endpoint.name, ""))
            return
        if choice is None and kept is not None:
            choice = self._again(kept.choices[0])
        if choice is not None:
            self.deployments[endpoint.name] = deployment_of(
                endpoint.content, choice, {}
            )

    def _held(self, pin: VersionRef) -> Choice | None:
        """Return *pin* as it was loaded before, None if it was not."""
        before = self._previous.choices.get(str(pin)) if self._previous else None
        return self._again(before) if before else None

    def _again(self, choice: Choice) -> Choice | None:
        """Return what was loaded before, held open, None if it may not be served."""
        version, before = choice.version, self._previous
        if ("Model", version.model) not in self._state.resources or before is None:
            return None
        if VersionRef(version.model, version.number) in self._state.withdrawn:
            return None
        choice = replace(choice, attributes=self._readable(version))
        used = {id(upstream.runner) for upstream in choice.upstreams}
        for key, runner in before.runners.items():
            if id(runner) in used:
                self.runners[key] = runner
                self.providers[key[0]] = before.providers[key[0]]
        self.choices[choice.name] = choice
        return choice


def _told(error: RoadbedError) -> str:
    return f"{error.message}" + (f" ({error.hint})" if error.hint else "")


def _keyed(state: State) -> set[str]:
    """Return the names of the accounts that may have keys."""
    accounts = state.of("ServiceAccount")
    return {a.name for a in accounts if a.content["spec"].get("keys", False)}


def _provider_key(provider: Revision, place: Mapping[str, Any]) -> ProviderKey:
    spec = provider.content["spec"]
    opened = {"type": spec["type"], "config": {**spec["config"], **place["config"]}}
    return digest_of({"name": provider.name, "place": place["name"], **opened})


def _authority(
    state: State, authority_of: AuthorityOf, previous: Serving | None
) -> Authority:
    """Compile the policies; keep the authority of before if they are the same.

    It remembers decisions, so keeping it keeps them.
    """
    compiled = authority_of(state.policies())
    before = previous.snapshot.authority if previous else None
    return before if before and before.digest == compiled.digest else compiled

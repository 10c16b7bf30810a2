"""Lets people in whom a declared identity provider vouches for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from roadbed.console.session import CALLBACK, SIGN_IN, Arrived, Opened, Way
from roadbed.core.errors import NotFound, Unauthenticated
from roadbed.core.secret import Secret
from roadbed.database.engine import Database
from roadbed.identity import oidc, signins
from roadbed.identity.directory import Company
from roadbed.identity.relying import RelyingParty, new_state
from roadbed.identity.sessions import LIFETIME_US, open_person_session
from roadbed.inference.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePeople:
    """A `People` over the providers that this process serves with now.

    `public_url` is the address people know the console by: providers lead back there.
    """

    database: Database
    snapshot: Callable[[], Snapshot]
    relying: RelyingParty
    public_url: str

    def ways(self) -> tuple[Way, ...]:
        """Return the providers that are declared now, by name."""
        companies = self.snapshot().directory.companies.values()
        return tuple(
            Way(
                name=company.name,
                issuer=company.issuer,
                address=f"{self.public_url}{SIGN_IN}/{company.name}",
            )
            for company in sorted(companies, key=lambda c: c.name)
        )

    def begin(self, provider: str, browser: Secret, back: str, *, again: bool) -> str:
        """Return the address at *provider* where the browser goes to sign in."""
        company, state = self._company(provider), new_state()
        proof = oidc.proof_of(browser, state)
        address = self.relying.authorization(
            company, proof, self._redirect_uri(), again=again
        )
        begun = signins.Begun(
            provider=company.name,
            back=back,
            again=again,
            created_us=self.relying.now_us(),
        )
        with self.database.write() as connection:
            signins.begin(connection, begun, state=state, browser=browser)
        return address

    def finish(self, query: Mapping[str, str], browser: Secret) -> Arrived:
        """Open a session for whom the callback's *query* proves."""
        state, now_us = query.get("state", ""), self.relying.now_us()
        with self.database.write() as connection:
            begun = signins.finish(
                connection, state=state, browser=browser, now_us=now_us
            )
        company = self._company(begun.provider)
        proof = oidc.proof_of(browser, state)
        proven = self.relying.redeem(company, query, proof, self._redirect_uri())
        oidc.check_age(proven, begun.created_us, again=begun.again)
        if self.snapshot().directory.find(proven.subject) is None:
            raise Unauthenticated(f"{company.name} is no longer declared")
        now_us = self.relying.now_us()
        with self.database.write() as connection:
            token = open_person_session(connection, proven, company.name, now_us)
        opened = Opened(token=token, seconds=LIFETIME_US // 1_000_000)
        return Arrived(opened=opened, back=begun.back)

    def _company(self, name: str) -> Company:
        companies = self.snapshot().directory.companies.values()
        found = [company for company in companies if company.name == name]
        if not found:
            raise NotFound(
                f"no identity provider is called {name[:80]!r}",
                hint="the sign-in page lists those that are declared",
            )
        return found[0]

    def _redirect_uri(self) -> str:
        return self.public_url + CALLBACK

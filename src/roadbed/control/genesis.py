"""The first state of a new line: one operator, and a token that works once."""

from roadbed.audit.log import hold
from roadbed.control.apply import first
from roadbed.control.document import Document
from roadbed.control.kinds import API_VERSION, all_kinds
from roadbed.control.stack import Loaded
from roadbed.control.state import current_resources
from roadbed.core.clock import Clock, to_us
from roadbed.core.errors import Conflict
from roadbed.core.resource import Metadata, Resource
from roadbed.core.secret import Secret
from roadbed.database.engine import Database
from roadbed.identity.keys import create_bootstrap

OPERATOR = "operator"
ROLES = ("platform-engineer", "security-admin", "researcher", "auditor")


def genesis(database: Database, clock: Clock) -> Secret:
    """Write revision 1, with only the operator, and return the bootstrap token.

    The token buys the operator's first key, once. Raises Conflict if anything
    was applied before: there is no second beginning.
    """
    now_us = to_us(clock.now())
    with database.write() as connection:
        hold(connection)
        if current_resources(connection).revision:
            raise Conflict(
                "this line has begun already",
                hint="an operator makes keys with `roadbed key create`",
            )
        operator = _operator()
        first(connection, {operator.key: operator}, now_us)
        return create_bootstrap(connection, now_us)


def _operator() -> Loaded:
    metadata = {"name": OPERATOR, "description": "Looks after the line."}
    spec = {"roles": list(ROLES), "keys": True}
    value = {
        "apiVersion": API_VERSION,
        "kind": "ServiceAccount",
        "metadata": metadata,
        "spec": spec,
    }
    resource = Resource(
        kind="ServiceAccount",
        metadata=Metadata.model_validate(metadata),
        spec=all_kinds()["ServiceAccount"].model_validate(spec),
    )
    document = Document(value=value, file="genesis", lines={(): 1})
    return Loaded(resource=resource, document=document)

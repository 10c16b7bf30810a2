"""The roles that Roadbed ships; what each may do stands in `policies/<role>.cedar`.

No role may do everything. Only app, researcher and eval-bot may infer.
"""

from collections.abc import Mapping
from types import MappingProxyType

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "viewer": "Looks at everything but payloads, keys and the audit log.",
        "researcher": "Trains models: writes datasets and runs, registers, infers.",
        "platform-engineer": "Runs the platform: plans and applies the stack.",
        "product-owner": "Answers for a product: reads calls with their payloads.",
        "annotator": "Judges answers and cases to be: reads calls with their payloads.",
        "auditor": "Reads and verifies the audit log; changes nothing.",
        "security-admin": "Makes and revokes keys, and reads the audit log.",
        "eval-bot": "Evaluates: infers, reads datasets, records runs.",
        "ci": "Plans and applies the stack from Git.",
        "app": "Calls endpoints and says how the answers were; nothing else.",
    }
)
"""What each role is for, in one sentence."""

import json
import subprocess
import sys

import pytest

from roadbed.core.errors import Invalid
from roadbed.evals.graders._extra import needs

HEAVY = {"numpy", "scipy", "sklearn", "jsonschema", "re2", "duckdb", "google"}


def test_importing_every_grader_and_form_loads_nothing_heavy():
    """The reference page and `roadbed apply` do, without the extra `evals` too."""
    code = (
        "import json, sys\n"
        "import roadbed.evals.graders, roadbed.evals.imports\n"
        "import roadbed.evals.otel, roadbed.evals.importing, roadbed.evals.probes\n"
        "from roadbed.core import plugins\n"
        "for package, group in ((roadbed.evals.graders, 'roadbed.graders'),\n"
        "                       (roadbed.evals.imports, 'roadbed.imports')):\n"
        "    for name in plugins.names(package, group):\n"
        "        plugins.find(package, group, name)\n"
        "print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert not HEAVY & set(json.loads(run.stdout))


def test_a_library_that_is_missing_is_named_with_its_extra():
    needs("json", "numpy")
    with pytest.raises(Invalid, match="needs no_such_library") as caught:
        needs("numpy", "no_such_library")

    assert "extra `evals`" in caught.value.hint

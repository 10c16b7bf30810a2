import platform

from roadbed.core.digest import digest
from roadbed.workbench.environment import observe


def test_the_lock_lists_every_distribution_once_and_in_order():
    lines = observe().lock.decode().splitlines()

    assert lines == sorted(set(lines))
    assert any(line.startswith("scikit-learn==") for line in lines)


def test_the_environment_is_the_same_whenever_it_is_looked_at():
    content = observe().content()

    assert content == observe().content()
    assert content["lock"] == digest(observe().lock)
    assert content["python"] == platform.python_version()


def test_the_environment_does_not_name_the_machine():
    assert platform.node() not in str(observe().content())

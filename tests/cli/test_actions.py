"""Every command declares its action."""

from pathlib import Path

from roadbed.access.actions import ACTIONS
from roadbed.cli import roadbed
from roadbed.cli._acts import PUBLIC, action_of, leaves

TABLE = Path("tests/cli/actions.txt")


def test_every_command_declares_a_known_action():
    for words, command in leaves(roadbed):
        assert action_of(command) in {*ACTIONS, PUBLIC}, words


def test_the_actions_of_all_commands_are_the_reviewed_ones():
    found = [f"{words:<16} {action_of(command)}" for words, command in leaves(roadbed)]

    assert found == TABLE.read_text().splitlines()


def test_every_command_has_help_and_so_has_every_option():
    for words, command in leaves(roadbed):
        assert command.help, words
        for option in command.params:
            assert option.param_type_name == "argument" or option.help, words

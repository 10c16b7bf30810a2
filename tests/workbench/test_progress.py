import io
import re

import pytest

from roadbed.workbench.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_what_is_done_and_how_long_it_took():
    terminal = Terminal()
    with Progress(terminal).step("reading tumors@1"):
        shown = terminal.getvalue()

    assert shown == "reading tumors@1 …"
    assert re.search(r"reading tumors@1 \(\d\.\d s\)\n$", terminal.getvalue())


def test_a_failed_step_leaves_a_clean_line():
    terminal = Terminal()
    with pytest.raises(ZeroDivisionError), Progress(terminal).step("reading"):
        raise ZeroDivisionError

    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_a_file_sees_nothing():
    file = io.StringIO()
    with Progress(file).step("reading"):
        pass

    assert file.getvalue() == ""

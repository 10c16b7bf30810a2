"""What people read after a verification."""

from roadbed.audit.report import Report


def test_a_good_log_is_told_in_three_lines():
    report = Report(
        verified=True, size=1, root="ab", checkpoints=1, covered=1, newest_us=0
    )

    assert report.lines() == [
        "audit: verified",
        "  1 entry, root ab",
        "  1 signed checkpoint, the newest of 1970-01-01T00:00:00.000000Z over 1 entry",
    ]


def test_findings_stand_above_everything_and_remarks_below():
    report = Report(
        verified=False,
        size=2,
        root="ab",
        checkpoints=0,
        findings=("entry 1 was edited", "entry 2 was edited"),
        remarks=("no copy",),
    )

    assert report.lines() == [
        "audit: NOT VERIFIED",
        "  \N{BALLOT X} entry 1 was edited",
        "  \N{BALLOT X} entry 2 was edited",
        "  2 entries, root ab",
        "  no copy",
    ]

"""What a verification found."""

from dataclasses import dataclass

from roadbed.core.clock import to_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict on a log of `size` entries under `root` (hex).

    `findings` name what is wrong, `remarks` what is worth knowing; `covered` is
    how many entries the newest true checkpoint, of `newest_us`, was signed over.
    """

    verified: bool
    size: int
    root: str
    checkpoints: int
    covered: int = 0
    newest_us: int = 0
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the report as people read it; the first line is the verdict."""
        verdict = "verified" if self.verified else "NOT VERIFIED"
        lines = [f"audit: {verdict}"]
        lines += [f"  \N{BALLOT X} {finding}" for finding in self.findings]
        lines.append(f"  {_count(self.size, 'entry', 'entries')}, root {self.root}")
        if self.checkpoints:
            lines.append(
                f"  {_count(self.checkpoints, 'signed checkpoint')}, the newest of "
                f"{to_text(self.newest_us)} over "
                f"{_count(self.covered, 'entry', 'entries')}"
            )
        return lines + [f"  {remark}" for remark in self.remarks]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"

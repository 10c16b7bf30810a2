"""What the examiners need of a package index, taken when they are needed."""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from importlib.util import find_spec

PATIENCE_S = 420


class Missing(Exception):
    """Something could not be had; the text says why."""


def fetch(package, kept, folder):
    """Return the sources of *package*, of the version that is installed, in *folder*.

    The archive is taken from the folder *kept*, and downloaded if it is not there.
    Raises Missing.
    """
    archive = kept / f"{package}-{version(package)}.tar.gz"
    if not archive.exists():
        wanted = f"{package}=={version(package)}"
        words = ("download", "--no-binary", package, "--no-deps", "-d", str(kept))
        _pip(_own_pip(), (*words, wanted), wanted)
    if not archive.exists():
        raise Missing(f"{archive.name} could not be downloaded")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def environment(folder, wanted):
    """Return the Python of an environment in *folder* that has *wanted* installed.

    One that is there already is used again. Raises Missing.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", folder])
        if made.returncode:
            raise Missing("an environment for it could not be made")
    _pip([python, "-m", "pip"], ("install", *wanted), ", ".join(wanted))
    return python


def _own_pip():
    own = [sys.executable, "-m", "pip"] if find_spec("pip") else [shutil.which("pip")]
    if own[0] is None:
        raise Missing("there is no pip to download it with")
    return own


def _pip(pip, words, wanted):
    command = [*pip, "--quiet", "--disable-pip-version-check", *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Missing(f"{wanted} did not come within {PATIENCE_S} s") from None
    if done.returncode:
        raise Missing(f"{wanted} could not be had from the package index")

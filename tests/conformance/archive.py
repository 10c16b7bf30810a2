"""Source archives of clients, taken from the package index when they are needed."""

import shutil
import subprocess
import sys
import tarfile
from importlib.metadata import version
from importlib.util import find_spec

PATIENCE_S = 420


class Missing(Exception):
    """The archive could not be had; the text says why."""


def fetch(package, kept, folder):
    """Return the sources of *package*, of the version that is installed, in *folder*.

    The archive is taken from the folder *kept*, and downloaded if it is not there.
    Raises Missing.
    """
    archive = kept / f"{package}-{version(package)}.tar.gz"
    if not archive.exists():
        _download(package, kept)
    if not archive.exists():
        raise Missing(f"{archive.name} could not be downloaded")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def _download(package, folder):
    wanted = f"{package}=={version(package)}"
    own = [sys.executable, "-m", "pip"] if find_spec("pip") else [shutil.which("pip")]
    if own[0] is None:
        raise Missing("there is no pip to download it with")
    words = [
        "download",
        "-q",
        "--no-binary",
        package,
        "--no-deps",
        "-d",
        folder,
        wanted,
    ]
    try:
        subprocess.run([*own, *words], capture_output=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Missing(f"{wanted} did not come within {PATIENCE_S} s") from None

"""What somebody may do to an exported log, and how a test does it."""

import io
import tarfile

from roadbed.audit.tar import pack, unpack
from roadbed.audit.tiles import ENTRIES, WIDTH, path_of


def read(path):
    """Return the files in a tar by their names, in order."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def write(path, files):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def bundle_with(files, seq):
    """Return the name of the bundle that entry *seq* is in, its entries, and where."""
    number, at = divmod(seq - 1, WIDTH)
    prefix = path_of(ENTRIES, number)
    name = next(n for n in files if n == prefix or n.startswith(prefix + ".p/"))
    return name, unpack(files[name]), at


def edited_leaf(files, seq):
    name, entries, at = bundle_with(files, seq)
    entries[at] = entries[at].replace(b"service-account:ci", b"service-account:cj")
    return files | {name: pack(entries)}


def swapped(files, seq):
    name, entries, at = bundle_with(files, seq)
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    return files | {name: pack(entries)}


def removed(files, seq):
    """Take one entry out and move all after it up by one."""
    number, at = divmod(seq - 1, WIDTH)
    names = sorted(
        (n for n in files if n.startswith(f"tile/{ENTRIES}/")),
        key=lambda n: bundle_number(n),
    )
    entries = [entry for name in names for entry in unpack(files[name])]
    del entries[number * WIDTH + at]
    kept = {n: data for n, data in files.items() if n not in names}
    for first in range(0, len(entries), WIDTH):
        some = entries[first : first + WIDTH]
        kept[path_of(ENTRIES, first // WIDTH, len(some))] = pack(some)
    return kept


def bundle_number(name):
    digits = name.removeprefix(f"tile/{ENTRIES}/").partition(".p/")[0]
    return int(digits.replace("/", "").replace("x", ""))


def edited_tile(files, name):
    data = bytearray(files[name])
    data[-1] ^= 1
    return files | {name: bytes(data)}


def edited_checkpoint(files):
    text = files["checkpoint"].decode()
    size = text.splitlines()[1]
    forged = text.replace(f"\n{size}\n", f"\n{int(size) - 1}\n", 1)
    return files | {"checkpoint": forged.encode()}

"""
Build what a release consists of, from the commit that is checked out, into ``dist/``.

    .venv/bin/python -m tools.release

These are a source distribution, a wheel, ``sbom.cdx.json`` (CycloneDX: the packages that an installation of the wheel
gets today) and ``SHA256SUMS``. The first two have the same bytes wherever and whenever they are built.

Note [The same bytes]: entries of an archive have the times, modes and owners of the files it was made from. A wheel
takes the time of ``SOURCE_DATE_EPOCH``, a source distribution does not: it is packed again, with fixed modes and
owners, and the wheel is built from what it then holds. Files that are in a checkout, but not in the commit,
would get in: only the commit is built. setuptools writes its version into the wheel: ``setup.py`` names the one to use.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
SBOM, CHECKSUMS = "sbom.cdx.json", "SHA256SUMS"


def packed_again(archive: bytes, epoch: int) -> bytes:
    """The same files as a ``.tar.gz`` that depends on their names, contents and right to be executed alone."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as old,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            same = tarfile.TarInfo(member.name)
            same.type, same.size, same.linkname = member.type, member.size, member.linkname
            same.mtime, same.mode = epoch, 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(same, old.extractfile(member) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=0)


def checksums(directory: Path) -> str:
    """Return the sums of all files of a directory, by name, as ``sha256sum --check`` reads them."""
    files = sorted(path for path in directory.iterdir() if path.name != CHECKSUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def run(*command: str, epoch: int) -> None:
    """Run a command that says nothing unless it fails. :raises SystemExit: with its output, if it does."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    done = subprocess.run(
        command, env=environment, umask=0o022, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"release: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}")


def build(source: Path, into: Path, epoch: int) -> tuple[Path, Path]:
    """Build the source distribution of a source tree, and the wheel from that."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(into)]
    run(*command, "--sdist", str(source), epoch=epoch)
    (sdist,) = into.glob("*.tar.gz")
    sdist.write_bytes(packed_again(sdist.read_bytes(), epoch))
    with tempfile.TemporaryDirectory(prefix="daprdockr-sdist-") as unpacked:
        with tarfile.open(sdist) as tree:
            tree.extractall(unpacked, filter="data")
        (top,) = Path(unpacked).iterdir()
        run(*command, "--wheel", str(top), epoch=epoch)
    (wheel,) = into.glob("*.whl")
    return wheel, sdist


def list_packages(wheel: Path, scratch: Path, into: Path, epoch: int) -> None:
    """Write the packages that an installation of a wheel consists of, without those that only install it."""
    empty = str(scratch / "venv")
    run(sys.executable, "-m", "venv", "--without-pip", empty, epoch=epoch)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", empty, "install", "--quiet"]
    run(*pip, str(wheel), epoch=epoch)
    # Once more by its name, because an installation of a file records the path of that file.
    name = wheel.name.partition("-")[0]
    run(*pip, "--no-index", "--no-deps", "--force-reinstall", "--find-links", str(wheel.parent), name, epoch=epoch)
    cyclonedx = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    run(*cyclonedx, "--output-file", str(into), empty, epoch=epoch)


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True).stdout


def main() -> None:
    if changed := git("status", "--porcelain", "--untracked-files=no").decode():
        raise SystemExit(
            f"release: commit or undo these changes first, because a release is that of a commit:\n{changed}"
        )
    epoch = int(git("log", "-1", "--format=%ct"))
    dist = CHECKOUT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="daprdockr-release-") as name:
        scratch = Path(name)
        with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as tree:
            tree.extractall(scratch / "source", filter="data")
        wheel, _ = build(scratch / "source", dist, epoch)
        list_packages(wheel, scratch, dist / SBOM, epoch)
    (dist / CHECKSUMS).write_text(checksums(dist), encoding="utf-8")
    print((dist / CHECKSUMS).read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()

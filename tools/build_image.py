"""
Build a small web server image from busybox-static, without a registry.

    .venv/bin/python -m tools.build_image [TAG] [VERSION]

The image (daprdockr/sample:1 by default) answers on port 8080 with "<instance> <version>", where the instance is the
variable DAPRDOCKR_INSTANCE or else the container's host name, and the version is the tag's unless it is given; /health
says "ok" until somebody removes /www/health. It stops at once on TERM. The Engine is the one of DOCKER_HOST, or the
local one.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from docker import APIClient
from docker.errors import DockerException
from docker.utils import kwargs_from_env

# The kernel keeps TERM from a first process without a trap of its own, and httpd has none: the shell stays in front.
START = """#!/bin/sh
trap 'exit 0' TERM INT
echo "${DAPRDOCKR_INSTANCE:-$(hostname)} @VERSION@" > /www/index.html
httpd -f -p "${PORT:-8080}" -h /www &
wait
"""
PASSWD = "root:x:0:0:root:/:/bin/sh\nwww:x:1000:1000:www:/:/bin/sh\n"
GROUP = "root:x:0:\nwww:x:1000:\n"
CHANGES = ['CMD ["/bin/start"]', "EXPOSE 8080", "ENV PATH=/bin"]


def busybox() -> tuple[bytes, list[str]]:
    """The static busybox of this machine, and the names it answers to."""
    path = shutil.which("busybox")
    if not path or "=>" in subprocess.run(["ldd", path], capture_output=True, text=True).stdout:
        sys.exit("build-image: there is no static busybox: install busybox-static (Debian)")
    applets = subprocess.run([path, "--list"], capture_output=True, text=True, check=True).stdout.split()
    return Path(path).read_bytes(), applets


def layer(version: str) -> bytes:
    """The root file system as a tar."""
    output = io.BytesIO()
    program, applets = busybox()
    with tarfile.open(fileobj=output, mode="w") as tar:

        def add(name: str, kind: bytes, mode: int = 0o755, content: bytes = b"", link: str = "") -> None:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.size, member.linkname = kind, mode, len(content), link
            tar.addfile(member, io.BytesIO(content))

        for directory, mode in {"bin": 0o755, "etc": 0o755, "tmp": 0o1777, "www": 0o1777}.items():
            add(directory, tarfile.DIRTYPE, mode)
        add("bin/busybox", tarfile.REGTYPE, content=program)
        for applet in applets:
            if applet != "busybox":
                add(f"bin/{applet}", tarfile.SYMTYPE, link="busybox")
        add("bin/start", tarfile.REGTYPE, content=START.replace("@VERSION@", version).encode())
        add("etc/passwd", tarfile.REGTYPE, 0o644, PASSWD.encode())
        add("etc/group", tarfile.REGTYPE, 0o644, GROUP.encode())
        add("www/health", tarfile.REGTYPE, 0o644, b"ok\n")
    return output.getvalue()


def main(tag: str = "daprdockr/sample:1", version: str = "") -> None:
    repository, _, label = tag.rpartition(":")
    engine = APIClient(**kwargs_from_env(), version="auto")
    answer = engine.import_image_from_data(layer(version or label), repository=repository, tag=label, changes=CHANGES)
    if '"error"' in answer:
        sys.exit(f"build-image: {answer.strip()}")


if __name__ == "__main__":
    if len(sys.argv) > 3 or any(word.startswith("-") for word in sys.argv[1:]):
        sys.exit("usage: .venv/bin/python -m tools.build_image [TAG] [VERSION]")
    try:
        main(*sys.argv[1:])
    except (DockerException, OSError) as error:  # requests' errors are OSErrors
        sys.exit(
            f"build-image: the Docker Engine did not take the image; is it running, and DOCKER_HOST right? {error}"
        )

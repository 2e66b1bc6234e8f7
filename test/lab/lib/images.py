#!/usr/bin/env python3
"""Writes pause.tar and web.tar (docker-archive format) into the folder given: images.py FOLDER NGINX-PROGRAM"""
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

from image_files import BASE, DIRECTORIES, SITE, SITE_REMOVED

TIME = 1767225600  # 2026-01-01: the same bytes every time

PAUSE_C = """
#include <signal.h>
#include <unistd.h>
static void stop(int signal) { _exit(0); }
int main() { signal(SIGTERM, stop); signal(SIGINT, stop); for (;;) pause(); }
"""


class Layer:
    """One layer: an uncompressed tar in memory."""

    def __init__(self):
        self.data = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.data, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, path, mode, kind=tarfile.REGTYPE, body=b"", link=""):
        info = tarfile.TarInfo(os.fsdecode(path))
        info.type, info.mode, info.mtime, info.size, info.linkname = kind, mode, TIME, len(body), link
        self.tar.addfile(info, io.BytesIO(body))

    def folder(self, path, mode):
        self.add(path, mode, tarfile.DIRTYPE)

    def link(self, path, target):
        self.add(path, 0o777, tarfile.SYMTYPE, link=target)

    def whiteout(self, path):
        self.add(os.path.join(os.path.dirname(path), b".wh." + os.path.basename(path)), 0o644)

    def bytes(self):
        self.tar.close()
        return self.data.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def archive(file, tag, command, *layers):
    layers = [layer.bytes() for layer in layers]
    config = {
        "architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {"Cmd": command, "Env": ["PATH=/usr/local/bin:/usr/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]},
        "history": [{"created_by": "podtriage lab"} for _ in layers],
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": [tag], "Layers": names}]
    members = {"config.json": json.dumps(config).encode(), **dict(zip(names, layers)),
               "manifest.json": json.dumps(manifest).encode()}
    with tarfile.open(file, "w") as tar:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(body), TIME
            tar.addfile(info, io.BytesIO(body))


def pause_layer(out):
    subprocess.run(["gcc", "-static", "-Os", "-x", "c", "-", "-o", f"{out}/pause"], check=True, text=True, input=PAUSE_C)
    layer = Layer()
    layer.add("pause", 0o755, body=read(f"{out}/pause"))
    os.remove(f"{out}/pause")
    return layer


def base_layer(nginx):
    layer = Layer()
    for path, mode in DIRECTORIES.items():
        layer.folder(path, mode)
    layer.add("bin/busybox", 0o755, body=read("/bin/busybox"))
    for applet in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            layer.link(f"bin/{applet}", "busybox")
    layer.add("usr/sbin/nginx", 0o755, body=read(nginx))
    for library in shared_libraries(nginx):
        folder = "lib64" if "ld-linux" in library else "lib"
        layer.add(f"{folder}/{os.path.basename(library)}", 0o755, body=read(library))
    for path, (mode, body) in BASE.items():
        layer.add(path, mode, body=body)
    return layer


def shared_libraries(program):
    """The files that ldd names: `libz.so.1 => /lib/.../libz.so.1 (0x..)` and the loader `/lib64/ld-linux.. (0x..)`."""
    lines = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({word for line in lines for word in line.split() if word.startswith("/")})


def site_layer():
    layer = Layer()
    for path, (mode, body) in SITE.items():
        layer.add(path, mode, body=body)
    for path in SITE_REMOVED:
        layer.whiteout(path)
    return layer


def main(out, nginx):
    archive(f"{out}/pause.tar", "localhost/lab/pause:1", ["/pause"], pause_layer(out))
    archive(f"{out}/web.tar", "localhost/lab/web:1", ["nginx", "-e", "stderr", "-g", "daemon off;"],
            base_layer(nginx), site_layer())


main(*sys.argv[1:])

#!/usr/bin/env python3
"""Writes pause.tar and web.tar (docker-archive format) into the folder given: images.py FOLDER NGINX-PROGRAM"""
import os
import subprocess
import sys

from image_archive import Layer, add_busybox, archive, compiled, read
from image_files import BASE, DIRECTORIES, SITE, SITE_REMOVED

PAUSE_C = """
#include <signal.h>
#include <unistd.h>
static void stop(int signal) { _exit(0); }
int main() { signal(SIGTERM, stop); signal(SIGINT, stop); for (;;) pause(); }
"""


def pause_layer():
    layer = Layer()
    layer.add("pause", 0o755, body=compiled(PAUSE_C))
    return layer


def base_layer(nginx):
    layer = Layer()
    for path, mode in DIRECTORIES.items():
        layer.folder(path, mode)
    add_busybox(layer)
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
    archive(f"{out}/pause.tar", "localhost/lab/pause:1", ["/pause"], pause_layer())
    archive(f"{out}/web.tar", "localhost/lab/web:1", ["nginx", "-e", "stderr", "-g", "daemon off;"],
            base_layer(nginx), site_layer())


main(*sys.argv[1:])

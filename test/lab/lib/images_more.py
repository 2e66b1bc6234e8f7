#!/usr/bin/env python3
"""Writes the images of the corpus and of the bench (docker-archive format): images_more.py FOLDER HOSTILE.C NAME...

  corpus       what test/corpus changes: 80 folders /corpus/stage-00.. that are all the same, in two layers
  layers-N     N layers; each adds, changes, hides or replaces something, so that an answer depends on their order
  files-N      N small files
  packages     a few programs of packages, with dpkg's database in two layers, and sbin merged into usr
"""
import hashlib
import os
import struct
import sys
import tarfile

from image_archive import Layer, add_busybox, archive, compiled, read

STAGES = 80

# vfs_cap_data of revision 2 (linux/capability.h): effective, cap_net_raw (bit 13) permitted.
CAP_NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)


def base_layer(hostile):
    layer = Layer()
    for path, mode in {"bin": 0o755, "corpus": 0o755, "etc": 0o755, "opt": 0o755, "run": 0o755, "tmp": 0o1777, "var": 0o755}.items():
        layer.folder(path, mode)
    add_busybox(layer)
    layer.add("bin/hostile", 0o755, body=compiled(read(hostile).decode()))
    layer.add("etc/passwd", 0o644, body=b"root:x:0:0:root:/root:/bin/sh\n")
    return layer


# The stages: test/corpus/stage.ts says the same for those who give the right answers.

def stage_layer():
    layer = Layer()
    for number in range(STAGES):
        at = f"corpus/stage-{number:02}"
        for path in ("", "/empty", "/folder", "/folder/sub", "/remade"):
            layer.folder(at + path, 0o755)
        for path in ("file", "gone", "over", "folder/one", "folder/two", "folder/sub/deep", "remade/old"):
            layer.add(f"{at}/{path}", 0o644, body=f"lower {path}\n".encode())
        layer.add(f"{at}/program", 0o755, body=b"#!/bin/sh\nexit 0\n")
        layer.add(f"{at}/suid", 0o4755, body=b"lower suid\n")
        layer.add(f"{at}/capable", 0o755, body=b"lower capable\n", xattrs={"security.capability": CAP_NET_RAW})
        layer.add(f"{at}/big", 0o644, body=b"0123456789abcde\n" * 4096)
        layer.add(f"{at}/hard-a", 0o644, body=b"lower hard\n")
        layer.hard_link(f"{at}/hard-b", f"{at}/hard-a")
        layer.link(f"{at}/link", "file")
        layer.add(f"{at}/fifo", 0o644, tarfile.FIFOTYPE)
    return layer


def second_stage_layer():
    layer = Layer()
    for number in range(STAGES):
        at = f"corpus/stage-{number:02}"
        layer.whiteout(f"{at}/gone".encode())
        layer.add(f"{at}/over", 0o600, body=b"lower over again\n")
        layer.folder(f"{at}/remade", 0o755)
        layer.opaque(f"{at}/remade".encode())
        layer.add(f"{at}/remade/new", 0o644, body=b"lower remade/new\n")
    return layer


# The many layers: test/corpus/layers.test.ts says the same.

def numbered_layer(number):
    """Layer `number`, counted from the base, which is 0. Does not depend on how many there are above."""
    layer = Layer()
    layer.folder("layers", 0o755)
    layer.add(f"layers/by-{number:03}", 0o644, body=f"layer {number}\n".encode())
    layer.add("layers/shared", 0o600 if number % 2 else 0o644, body=f"shared of layer {number}\n".encode())
    if number % 3 == 0:
        layer.whiteout(f"layers/by-{number - 2:03}".encode())
    if number % 5 == 0:
        layer.folder("layers/box", 0o755)
        layer.opaque(b"layers/box")
        layer.add(f"layers/box/of-{number:03}", 0o644, body=f"box of layer {number}\n".encode())
    if number % 7 == 0:
        turn(layer, number)
    return layer


def turn(layer, number):
    """A path that is a file in odd turns and a directory in even ones."""
    if number % 2:
        layer.add("layers/turn", 0o644, body=f"turn of layer {number}\n".encode())
    else:
        layer.folder("layers/turn", 0o755)
        layer.add(f"layers/turn/of-{number:03}", 0o644, body=b"")


def files_layer(count):
    layer = Layer()
    layer.folder("data", 0o755)
    for number in range(count):
        folder = f"data/{number // 1000:03}"
        if number % 1000 == 0:
            layer.folder(folder, 0o755)
        layer.add(f"{folder}/{number:06}", 0o644, body=f"file {number}\n".encode())
    return layer


# The packages: test/e2e/packages.test.ts says the same.

def dpkg(layer, packages, versions):
    """dpkg's database: the sums of the files of `packages`, as they were packaged, and the versions of all."""
    layer.folder("var/lib/dpkg/info", 0o755)
    for name, files in packages.items():
        sums = "".join(f"{hashlib.md5(body).hexdigest()}  {path}\n" for path, body in files.items())
        layer.add(f"var/lib/dpkg/info/{name}.md5sums", 0o644, body=sums.encode())
    entries = [f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n" for name, version in versions.items()]
    layer.add("var/lib/dpkg/status", 0o644, body="\n".join(entries).encode())


def packages_layer():
    layer = Layer()
    for path in ("usr", "usr/sbin", "var/lib", "var/lib/dpkg"):
        layer.folder(path, 0o755)
    layer.link("sbin", "usr/sbin")
    for name in ("daemon", "helper", "tool"):
        layer.add(f"usr/sbin/{name}", 0o755, body=program(name, 1))
    # As Debian's packages had it before usr was merged.
    dpkg(layer, {name: {f"sbin/{name}": program(name, 1)} for name in ("daemon", "helper", "tool")},
         {"daemon": "1-1", "helper": "1-1", "tool": "1-1"})
    return layer


def upgraded_layer():
    layer = Layer()
    layer.add("usr/sbin/tool", 0o755, body=program("tool", 2))
    dpkg(layer, {"tool": {"usr/sbin/tool": program("tool", 2)}}, {"daemon": "1-1", "helper": "1-1", "tool": "2-1"})
    return layer


def program(name, version):
    return f"#!/bin/sh\necho {name} {version}\n".encode()


def layers_of(name, base):
    kind, _, number = name.partition("-")
    if kind == "layers":
        return [base] + [numbered_layer(at) for at in range(1, int(number))]
    if kind == "files":
        return [base, files_layer(int(number))]
    if kind == "packages":
        return [base, packages_layer(), upgraded_layer()]
    return [base, stage_layer(), second_stage_layer()]


def main(out, hostile, *names):
    base = base_layer(hostile)
    for name in names:
        archive(f"{out}/{name}.new", f"localhost/lab/{name}:1", ["/bin/sleep", "1000000"], *layers_of(name, base))
        os.rename(f"{out}/{name}.new", f"{out}/{name}.tar")


main(*sys.argv[1:])

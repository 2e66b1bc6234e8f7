#!/usr/bin/env python3
"""Makes from plant_table.py what `lab plant` needs:

  plant.py script              the shell script that plants, to be run inside the pod
  plant.py expected FOLDER     the expected answers: web-a.json, web-b.json, clean-a.json, clean-b.json, known-bad.json

The answers come from the table alone, never from a container's files. A folder of the image that only got new
entries is not in them; what the runtime itself makes (dev, proc, sys, mount targets, etc/hosts ...) is not either.
"""
import base64
import hashlib
import json
import string
import sys

from image_files import web_files
from plant_table import KNOWN_BAD, PLANTS, Deleted, Fifo, File, Folder, InVolume, Link, Remade

IMAGE = web_files()
PLAIN = b"/._-" + string.ascii_letters.encode() + string.digits.encode()


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mode(number):
    return f"{number:04o}"


# The script

def quoted(path):
    """A path as a shell word: octal escapes for printf; the x keeps a newline at the end."""
    octal = "".join(chr(byte) if byte in PLAIN else f"\\{byte:03o}" for byte in b"/" + path)
    return f"p=$(printf '{octal}x'); p=${{p%x}}"


def write(path, body, bits):
    return [quoted(path), f"echo {b64(body)} | base64 -d >\"$p\"", f"chmod {mode(bits)} \"$p\""]


def commands(plant):
    match plant:
        case File():
            return write(plant.path, plant.body, plant.mode)
        case InVolume():
            return write(plant.volume.encode() + b"/" + plant.path, plant.body, plant.mode)
        case Folder():
            return [quoted(plant.path), f"mkdir -m {mode(plant.mode)} \"$p\""]
        case Remade():
            return [quoted(plant.path), "rm -rf \"$p\"", f"mkdir -m {mode(plant.mode)} \"$p\""]
        case Link():
            target = quoted(plant.target).replace("printf '/", "printf '", 1)
            return [target, "t=$p", quoted(plant.path), "ln -s \"$t\" \"$p\""]
        case Fifo():
            return [quoted(plant.path), f"mkfifo -m {mode(plant.mode)} \"$p\""]
        case Deleted():
            return [quoted(plant.path), "rm \"$p\""]


def script():
    return "\n".join(["set -e", "umask 022"] + [line for plant in PLANTS for line in commands(plant)]) + "\n"


# The expected answers

def changes(plant):
    def entry(path, kind, letter, **more):
        return {"path_b64": b64(path), "kind": kind, "type": letter, **more}

    match plant:
        case File():
            assert (plant.kind == "changed") == (plant.path in IMAGE), f"{plant.path}: wrong kind for this image"
            return [entry(plant.path, plant.kind, "f", sha256=sha256(plant.body), mode=mode(plant.mode))]
        case Folder():
            return [entry(plant.path, "added", "d", mode=mode(plant.mode))]
        case Remade():
            hidden = [path for path in IMAGE if path.startswith(plant.path + b"/")]
            assert hidden, f"{plant.path}: nothing in the image to hide"
            return [entry(path, "deleted", "f") for path in hidden]
        case Link():
            return [entry(plant.path, "added", "l", mode="0777", target_b64=b64(plant.target))]
        case Fifo():
            return [entry(plant.path, "added", "p", mode=mode(plant.mode))]
        case Deleted():
            assert plant.path in IMAGE, f"{plant.path}: not in the image"
            return [entry(plant.path, "deleted", "f")]
    return []


def volume(plant):
    return {"volume": plant.volume, "path_b64": b64(plant.path), "sha256": sha256(plant.body), "mode": mode(plant.mode)}


def save(folder, name, value):
    with open(f"{folder}/{name}.json", "w", encoding="ascii") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def expected(folder):
    planted = sorted((entry for plant in PLANTS for entry in changes(plant)), key=lambda e: base64.b64decode(e["path_b64"]))
    volumes = [volume(plant) for plant in PLANTS if isinstance(plant, InVolume)]
    for node in ("a", "b"):
        save(folder, f"web-{node}", {"changes": planted, "volumes": volumes})
        save(folder, f"clean-{node}", {"changes": [], "volumes": []})
    save(folder, "known-bad", {sha256(body): answer for body, answer in KNOWN_BAD})


if sys.argv[1] == "script":
    sys.stdout.write(script())
else:
    expected(sys.argv[2])

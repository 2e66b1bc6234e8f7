"""Image layers and docker-archives, the same bytes every time."""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

TIME = 1767225600  # 2026-01-01

class Layer:
    """One layer: an uncompressed tar in memory."""

    def __init__(self):
        self.data = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.data, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, path, mode, kind=tarfile.REGTYPE, body=b"", link="", xattrs=None):
        info = tarfile.TarInfo(os.fsdecode(path))
        info.type, info.mode, info.mtime, info.size, info.linkname = kind, mode, TIME, len(body), link
        info.pax_headers = {f"SCHILY.xattr.{name}": os.fsdecode(value) for name, value in (xattrs or {}).items()}
        self.tar.addfile(info, io.BytesIO(body))

    def folder(self, path, mode):
        self.add(path, mode, tarfile.DIRTYPE)

    def link(self, path, target):
        self.add(path, 0o777, tarfile.SYMTYPE, link=target)

    def whiteout(self, path):
        self.add(os.path.join(os.path.dirname(path), b".wh." + os.path.basename(path)), 0o644)

    def opaque(self, path):
        self.add(os.path.join(path, b".wh..wh..opq"), 0o644)

    def hard_link(self, path, target):
        self.add(path, 0o644, tarfile.LNKTYPE, link=target)

    def bytes(self):
        """The layer as it is; nothing can be added after that."""
        if not self.tar.closed:
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


def add_busybox(layer):
    """busybox and a link for each of its applets, in bin/."""
    layer.add("bin/busybox", 0o755, body=read("/bin/busybox"))
    for applet in subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split():
        if applet != "busybox":
            layer.link(f"bin/{applet}", "busybox")


def compiled(source):
    """A static program of C source text."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["gcc", "-static", "-Os", "-s", "-Wall", "-x", "c", "-", "-o", f"{folder}/program"]
        subprocess.run(command, check=True, text=True, input=source)
        return read(f"{folder}/program")

"""The files of the image `web`, layer by layer: what a clean pod holds, and what plant.py changes.

Kept apart from images.py so that plant.py knows the image without building it. Paths are bytes, relative to the root.
"""

NGINX_CONF = b"""\
user www-data;
worker_processes 1;
pid /dev/shm/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
    types { text/html html; text/css css; }
    access_log /dev/stdout;
    client_body_temp_path /dev/shm/body;
    proxy_temp_path /dev/shm/proxy;
    fastcgi_temp_path /dev/shm/fastcgi;
    uwsgi_temp_path /dev/shm/uwsgi;
    scgi_temp_path /dev/shm/scgi;
    server {
        listen 80;
        root /var/www/html;
        index index.html;
    }
}
"""

# Folders of layer 1, all owned by root, with their modes. /dev, /proc, /sys and mount targets are left to the runtime.
DIRECTORIES = {
    b"bin": 0o755, b"etc": 0o755, b"etc/cron.d": 0o755, b"etc/nginx": 0o755, b"lib": 0o755, b"lib64": 0o755,
    b"opt": 0o755, b"opt/app": 0o755, b"root": 0o700, b"run": 0o755, b"tmp": 0o1777, b"usr": 0o755,
    b"usr/local": 0o755, b"usr/local/bin": 0o755, b"usr/sbin": 0o755, b"var": 0o755, b"var/log": 0o755,
    b"var/log/nginx": 0o755, b"var/www": 0o755, b"var/www/html": 0o755,
}

# Layer 1: the base. (busybox, nginx and their libraries are added by images.py.)
BASE = {
    b"etc/passwd": (0o644, b"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n"),
    b"etc/group": (0o644, b"root:x:0:\nshadow:x:42:\nwww-data:x:33:\n"),
    b"etc/shadow": (0o640, b"root:*:19700:0:99999:7:::\n"),
    b"etc/nginx/nginx.conf": (0o644, NGINX_CONF),
    b"opt/app/app.conf": (0o644, b"port = 8080\n"),
    b"opt/app/run.sh": (0o755, b"#!/bin/sh\nexec sleep 1000000\n"),
    b"var/log/app.log": (0o644, b"2026-01-05T09:00:00Z start\n2026-01-05T09:00:01Z ready\n2026-01-05T09:12:44Z GET /\n"),
    b"var/www/html/index.html": (0o644, b"<h1>Welcome to nginx!</h1>\n"),
    b"var/www/html/default.html": (0o644, b"<p>placeholder</p>\n"),
}

# Layer 2: the site. It replaces one file of layer 1, adds one, and takes one away (a whiteout).
SITE = {
    b"var/www/html/index.html": (0o644, b'<link rel="stylesheet" href="style.css"><h1>The shop</h1>\n'),
    b"var/www/html/style.css": (0o644, b"h1 { color: teal }\n"),
}
SITE_REMOVED = [b"var/www/html/default.html"]


def web_files():
    """What a clean pod shows: path -> (mode, content)."""
    files = {**BASE, **SITE}
    for path in SITE_REMOVED:
        del files[path]
    return files

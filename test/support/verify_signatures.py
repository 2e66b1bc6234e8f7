"""Checks the signatures of a bag with none of podtriage's code: Python's json and hashlib, and the library cryptography.

verify_signatures.py BAG prints how many entries and checkpoints it has checked, and fails at the first that is not right.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def canonical(value):
    """As RFC 8785 has it, for what our entries hold: no fractions, no names beyond the basic plane."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_entries(path, keys):
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for entry in entries:
        body = {name: value for name, value in entry.items() if name not in ("hash", "sig")}
        digest = hashlib.sha256(canonical(body))
        assert digest.hexdigest() == entry["hash"], f"{path}: entry {entry['seq']}: hash"
        keys[entry["by"]].verify(decoded(entry["sig"]), digest.digest())
    return entries


def check_jws(text, keys):
    header, payload, signature = text.split(".")
    protected = json.loads(decoded(header))
    assert protected["alg"] == "EdDSA" and protected["typ"] == "podtriage-checkpoint", protected
    keys[protected["kid"]].verify(decoded(signature), f"{header}.{payload}".encode())
    return json.loads(decoded(payload))


def main(bag):
    data = pathlib.Path(bag) / "data"
    jwks = json.loads((data / "keys.json").read_text())["keys"]
    keys = {jwk["kid"]: Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])) for jwk in jwks}
    chain = check_entries(data / "custody.ndjson", keys)
    register = check_entries(data / "register.ndjson", keys)
    checkpoints = [entry for entry in chain if entry["act"] == "run.checkpoint"]
    for entry in checkpoints:
        signed = check_jws(entry["detail"]["jws"], keys)
        assert (signed["seq"], signed["hash"]) == (entry["seq"] - 1, entry["prev"]), entry["seq"]
    assert (data / "checkpoint.jws").read_text() == checkpoints[-1]["detail"]["jws"] + "\n"
    print(len(chain), len(register), len(checkpoints))


main(sys.argv[1])

"""Certificates for tests that speak TLS."""

import subprocess
from pathlib import Path


def make(folder: Path, *names: str) -> Path:
    """A folder with `ca.pem` of an authority, `own.pem` and `own.key` by it for these names, and `other.pem` of a
    stranger; a name is written `IP:127.0.0.1` or `DNS:host`."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, "-days", "2", "-subj", f"/CN={name}")
    files = ("-keyout", "own.key", "-out", "own.csr")
    openssl("req", "-newkey", "rsa:2048", "-nodes", *files, "-subj", "/CN=own")
    (folder / "names").write_text(f"subjectAltName={','.join(names)}\n", encoding="utf-8")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "own.csr", "-out", "own.pem", *by)
    return folder

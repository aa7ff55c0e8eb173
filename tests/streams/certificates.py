"""A folder -> an authority, a server, a client and a stranger, for tests of TLS."""

import subprocess


def make_certificates(folder):
    """Write ca, server, client and stranger .pem and .key; return the folder."""
    for name in ("ca", "stranger"):
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", f"{folder}/{name}.pem"),
        )
    names = folder / "names.txt"
    names.write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr"),
        )
        _openssl(
            *("x509", "-req", "-days", "2", "-in", f"{folder}/{name}.csr"),
            *("-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key"),
            *("-CAcreateserial", "-extfile", str(names)),
            *("-out", f"{folder}/{name}.pem"),
        )
    return folder


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)

"""Makes a certificate for clients that need TLS. Blocking."""

from __future__ import annotations

import ipaddress
import os
import ssl
import subprocess
from pathlib import Path

from ...errors import ConfigError
from ...user_folders import user_folder

_DAYS = 365


def cache_folder() -> Path:
    """Return the default folder for certificates. Raises ConfigError if the user has none."""
    folder = user_folder("XDG_CACHE_HOME", ".cache")
    if folder is None:
        raise ConfigError(
            ["--tls: this user has no home for the certificate; set XDG_CACHE_HOME to a folder"]
        )
    return folder


def server_context(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """Return a TLS context for serving `host`, and the certificate that clients must trust.

    The certificate is created with openssl if `folder` has none, or one that expires within a
    day; raises ConfigError if that fails.
    """
    name = host.replace(":", "_")
    certificate, key = folder / f"simulator-{name}.pem", folder / f"simulator-{name}.key"
    if not _is_valid(certificate, key):
        folder.mkdir(parents=True, exist_ok=True)
        _make(certificate, key, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def _is_valid(certificate: Path, key: Path) -> bool:
    if not (certificate.exists() and key.exists()):
        return False
    return _openssl("x509", "-checkend", "86400", "-noout", "-in", str(certificate)) is None


def _make(certificate: Path, key: Path, host: str) -> None:
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:::1", _alternative_name(host)]
    old_mask = os.umask(0o077)  # the key is readable by its owner only
    try:
        problem = _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", str(_DAYS), "-subj", "/CN=rtaudio-daemon simulator"),
            *("-addext", f"subjectAltName={','.join(dict.fromkeys(names))}"),
            *("-keyout", str(key), "-out", str(certificate)),
        )
    finally:
        os.umask(old_mask)
    if problem is not None:
        raise ConfigError([f"--tls: no certificate could be made: {problem}"])


def _alternative_name(host: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        return f"DNS:{host}"


def _openssl(*arguments: str) -> str | None:
    """Run openssl; return what went wrong, or None."""
    try:
        done = subprocess.run(
            ["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except FileNotFoundError:
        return "the command openssl is not installed (apt install openssl)"
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return done.stderr.strip().rpartition("\n")[2] or f"openssl ended with {done.returncode}"

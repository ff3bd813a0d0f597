"""The file about something unforeseen, for a user to send."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "pandas", "scikit-learn", "rasterio", "geopandas", "odc-geo", "zarr", "torch")

_SECRETS = (
    (re.compile(r"(?<=://)[^/@\s'\"]+@"), "***@"),
    (
        re.compile(
            r"(?i)((?:sig|signature|token|secret|password|passwd|credential|key)"
            r"['\"]?\s*[=:]\s*['\"]?)[^&\s'\",]+"
        ),
        r"\1***",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), r"\1 ***"),
)


def without_secrets(text: str) -> str:
    """Return text without passwords, tokens and signatures, and with `~` for the home folder.

    Examples
    --------
    >>> without_secrets("https://me:pw@x.org/a.tif?se=1&sig=a%2Fb failed, password: 'tree'")
    "https://***@x.org/a.tif?se=1&sig=*** failed, password: '***'"
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises where there is none
    return text.replace(home, "~") if len(home) > 1 else text


def write_report(error: BaseException, arguments: Sequence[str]) -> Path | None:
    """Write what is known about an error; return the file, or None if it can be written nowhere."""
    content = without_secrets(_report(error, arguments))
    for folder in (None, Path.cwd()):
        with suppress(OSError):
            handle, name = tempfile.mkstemp(".txt", "phytomass-report-", folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(content)
            return Path(name)
    return None


def _report(error: BaseException, arguments: Sequence[str]) -> str:
    lines = [
        "phytomass met something unforeseen. Nothing in this file comes from your tables or images",
        "but what the error itself quotes; look through it before you send it.",
        "",
        f"when      {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"command   phytomass {' '.join(arguments)}",
        f"phytomass {_version('phytomass')}, Python {platform.python_version()}",
        f"system    {platform.platform()}",
        f"packages  {', '.join(f'{name} {_version(name)}' for name in PACKAGES)}",
        "",
        *traceback.format_exception(error),
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"

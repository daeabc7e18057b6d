"""Gives the distribution its links, once the project has a public address.

The addresses are the options of this hook in ``pyproject.toml``. While they are empty, the README
keeps its relative links, and there are no URLs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r'(?<=\]\()(?![a-z]+:|#)([^)]+)(?=\))|(?<=src=")(?![a-z]+:)([^"]+)(?=")')


def absolute_links(text: str, repository: str) -> str:
    """Return a page of the repository with links that work from anywhere."""
    if not repository:
        return text

    def address(found: re.Match[str]) -> str:
        view = "raw" if found[2] else "blob"
        return f"{repository.rstrip('/')}/{view}/main/{found[1] or found[2]}"

    return LINK.sub(address, text)


def urls_of(repository: str, site: str) -> dict[str, str]:
    """Return the URLs of the distribution; none while there is no address."""
    urls = {}
    if repository:
        urls = {"Source": repository, "Issues": f"{repository}/issues"}
        urls["Changes"] = f"{repository}/blob/main/CHANGELOG.md"
    if site:
        urls["Documentation"] = site
    return urls


class CustomMetadataHook(MetadataHookInterface):
    """Fills in what ``dynamic`` names besides the version."""

    def update(self, metadata: dict[str, Any]) -> None:
        addresses = self.config
        text = Path(self.root, "README.md").read_text("utf-8")
        text = absolute_links(text, addresses["repository"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = urls_of(addresses["repository"], addresses["site"])

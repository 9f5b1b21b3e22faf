"""A hook of MkDocs: links of a page to files of the repository outside docs/ become their names; the site has no such
files, and the pages are read in the repository, too."""

import re
from typing import Any

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)]*)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the text of each page."""
    return OUTSIDE.sub(lambda link: f"{link.group(1)} (`{link.group(2)}`)", markdown)

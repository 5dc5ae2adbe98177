"""The paths that a load of the demo application's page asks for.

What for: the `mix` of the load client loads what a browser would. It must not start anything. That the paths are what a browser asks for is
proved in tests/test_page.py.
"""
from html.parser import HTMLParser

# The kinds of <link> that a browser loads by itself. (The manifest is not: only an installation asks for it.)
LOADED = {"stylesheet", "modulepreload", "preload", "icon"}


def page_paths(dist: str) -> list[str]:
    """What a cold load of the page asks for: the page first, then what its head names, in that order."""
    with open(f"{dist}/index.html", encoding="utf-8") as file:
        page = _Page()
        page.feed(file.read())
    # A path named twice is loaded once.
    return list(dict.fromkeys(["/", *page.paths]))


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        path = None
        if tag == "script":
            path = given.get("src")
        elif tag == "link" and LOADED & set((given.get("rel") or "").lower().split()):
            path = given.get("href")
        # Only what this server serves: an absolute path, not one of another host (`//host/path`).
        if path and path.startswith("/") and not path.startswith("//"):
            self.paths.append(path)

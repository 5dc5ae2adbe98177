"""The demo application as a thing to serve: its files in the folder of a run, and the paths that a load of its page asks for.

What for: the page loads of page.py and the `mix` of the load client use the same files and the same paths. It must not start anything. That
the paths are what a browser asks for is proved in tests/test_page.py.
"""
import os, shutil
from html.parser import HTMLParser

# The kinds of <link> that a browser loads by itself. (The manifest is not: only an installation asks for it.)
LOADED = {"stylesheet", "modulepreload", "preload", "icon"}


def install(folder: str, dist: str) -> str:
    """Copies the built app, with the siblings and the times of its files, to FOLDER/spa, readable for every worker; gives that path."""
    if not os.path.isfile(f"{dist}/index.html"):
        raise FileNotFoundError(f"{dist}/index.html is not there: `make static` builds it")
    root = os.path.join(folder, "spa")
    shutil.copytree(dist, root, copy_function=shutil.copy2)
    for path, _, files in os.walk(root):
        os.chmod(path, 0o755)
        for name in files:
            os.chmod(os.path.join(path, name), 0o644)
    return root


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

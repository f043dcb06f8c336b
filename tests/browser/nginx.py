"""A real nginx in front of the program under a path prefix, as docs/embedding.md writes it; host pages beside it."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Self

DOCS = Path(__file__).parents[2] / "docs" / "embedding.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ text/html html; }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/pages;
    ssi on;
    {location}
  }}
}}
"""


def documented(program: int) -> str:
    """The location that publishers are told to write, with the program's own port."""
    found = re.search(r"```nginx\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].replace("127.0.0.1:8080", f"127.0.0.1:{program}")


class Nginx:
    """The prefix is `/quotes/`; whatever is written with `page` is served beside it."""

    def __init__(self, folder: Path, port: int, program: int) -> None:
        self.url = f"http://127.0.0.1:{port}/quotes"
        self._elsewhere = f"http://localhost:{port}"
        self._pages = folder / "pages"
        self._pages.mkdir(parents=True)
        self._config = folder / "nginx.conf"
        self._config.write_text(CONFIG.format(folder=folder, port=port, location=documented(program)))
        self._process: subprocess.Popen[bytes]

    def page(self, name: str, html: str) -> str:
        """Write a host page; its address is of another origin than the sidebar's."""
        (self._pages / f"{name}.html").write_text(html, encoding="utf-8")
        return f"{self._elsewhere}/{name}.html"

    def __enter__(self) -> Self:
        assert NGINX is not None
        self._process = subprocess.Popen(
            [NGINX, "-c", str(self._config), "-e", str(self._config.with_name("error.log"))]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)

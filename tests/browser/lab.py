"""A real JupyterLab and a real Chromium for the browser tests and for the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What JupyterLab itself may say in a room without internet or with an odd language setting.
HARMLESS = (
    "@jupyterlite",
    "favicon",
    "net::ERR_",
    "Failed to load resource",
    "ResizeObserver loop",
)


def find_chromium() -> str | None:
    """The Chromium (or Chrome) of this machine: on the path, or Playwright's own."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def missing() -> str:
    """Why the browser tests cannot run here, or an empty string."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "Playwright is not installed (pip install playwright)."
    if find_chromium() is None:
        return "No Chromium on this machine (apt install chromium, or playwright install chromium)."
    return ""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook with these code cells, not yet run."""
    import nbformat

    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(c) for c in cells]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, path)


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab serving ``folder``; yields its address."""
    port = free_port()
    home = folder / ".home"
    settings = home / "lab" / "user-settings" / "@jupyterlab"
    for name, value in {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    }.items():
        file = settings / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value), encoding="utf-8")
    env = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(home / "lab" / "user-settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "lab" / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PYTHONPATH": str(ROOT),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}",
        "--ServerApp.token=", "--ServerApp.password=", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0",
        "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = (folder / "lab.log").open("wb")
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            if process.poll() is not None:
                raise RuntimeError((folder / "lab.log").read_text(errors="replace")[-2000:])
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/api/status", timeout=2).read()
                break
            time.sleep(0.25)
        else:
            raise RuntimeError("JupyterLab did not start within a minute.")
        yield address
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        log.close()


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """One notebook in the browser: run it, move its sliders, read what it shows."""

    def __init__(
        self,
        browser: Any,
        address: str,
        notebook: str,
        width: int = 1280,
        beside_files: bool = False,
    ) -> None:
        self.errors: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(f"{address}/lab/tree/{notebook}?reset")
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        self.page.evaluate("() => window.jupyterapp.restored")
        self.command("application:set-mode", {"mode": "single-document"})
        if beside_files:
            self.command("filebrowser:toggle-main")
        else:
            self.page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.ready"
        )

    def _console(self, message: Any) -> None:
        if message.type == "error" and not any(h in message.text for h in HARMLESS):
            self.errors.append(message.text)

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Run one of JupyterLab's commands."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args)",
            [name, arguments or {}],
        )

    def run_all(self, timeout: float = 90) -> None:
        """Run all cells and wait until the explorer has drawn."""
        self.command("notebook:run-all-cells")
        self.page.wait_for_selector(".mlm-explorer[data-drawn]", timeout=timeout * 1000)

    # ---- reading -----------------------------------------------------------------------------
    def picture(self) -> str:
        """What is drawn."""
        return str(self.page.inner_html(".mlm-explorer svg"))

    def sentence(self) -> str:
        """The sentence below the picture."""
        return str(self.page.inner_text(".mlm-explorer [role=status]"))

    def text(self) -> str:
        """Equations and output."""
        return str(self.page.inner_text(".mlm-explorer .mlm-text"))

    def handles(self) -> Any:
        """The sliders that show, in focus order."""
        return self.page.locator(".mlm-explorer input[type=range]:visible")

    def press(self, handle: Any, key: str) -> None:
        """Press a key on a control and wait until the explorer has drawn again."""
        before = self.picture()
        handle.focus()
        self.page.keyboard.press(key)
        self.page.wait_for_function(
            "(before) => document.querySelector('.mlm-explorer svg').innerHTML !== before",
            arg=before,
            timeout=10000,
        )

    def settle(self) -> None:
        """Let the kernel finish what it was asked."""
        self.page.wait_for_function(
            """() => window.jupyterapp.shell.currentWidget.context.sessionContext
                .session?.kernel?.status === 'idle'"""
        )
        self.page.wait_for_timeout(150)

    def screenshot(self, path: Path) -> None:
        """The explorer as it is on the page."""
        self.page.locator(".mlm-explorer").screenshot(path=str(path))

    def close(self) -> None:
        """End the kernel and the page."""
        with contextlib.suppress(Exception):
            self.page.evaluate(
                "() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()"
            )
        self.page.close()

"""A minute of `sim play` as an animated picture: `python tools/record.py docs/play.webp`.

A Chromium opens the page, a script clicks what a person would, Pillow joins the screens. It needs
playwright and a Chromium (the tests' own way to find it), and no network.
"""

import io
import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sim.live.incident import Opening
from sim.live.room import Room
from sim.live.server import application

SIZE = (1000, 760)  # of the window
WIDE = 760  # pixels of the picture
FRAME_S = 0.5
MOST_BYTES = 2_000_000
OPENING = Opening(scenario="container_crash", platforms=("compose", "kubernetes"))


def serve() -> str:
    """The page on a free port of this machine, until the program ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    room = Room(OPENING, frozenset({OPENING.scenario}), frozenset(OPENING.platforms))
    config = uvicorn.Config(application(room, ["127.0.0.1"]), log_level="error")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def film(page) -> list[Image.Image]:
    """A crash comes; then the person at the page takes over and starts the container by hand."""
    frames = []

    def wait(seconds: float) -> None:
        for _ in range(round(seconds / FRAME_S)):
            page.wait_for_timeout(FRAME_S * 1000)
            image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            frames.append(image.resize((WIDE, image.height * WIDE // image.width)))

    page.wait_for_selector(".side .box")
    wait(1)
    page.select_option("#speed", "60")
    page.click("#run")
    wait(10)
    page.click("#run")
    page.select_option("#you", "compose")
    page.wait_for_selector("#terminal:not([hidden])")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    wait(1.5)
    page.locator("#line").press_sequentially("docker compose up -d", delay=40)
    wait(1)
    page.press("#line", "Enter")
    page.evaluate("scrollTo(0, 0)")
    page.click("#run")
    wait(6)
    return frames


def main() -> None:
    target = Path(sys.argv[1])
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=dict(zip(("width", "height"), SIZE, strict=True)))
        page.goto(serve())
        frames = film(page)
        browser.close()
    frames[0].save(
        target, save_all=True, append_images=frames[1:], duration=int(FRAME_S * 1000), loop=0,
        quality=45, method=4,
    )  # fmt: skip
    size = target.stat().st_size
    print(f"{target}: {len(frames)} frames, {size:,} bytes")
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()

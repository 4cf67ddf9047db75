"""The README's picture: the longest GDOI capture in the page of ``gsakmp view``, as Chromium shows it.

    python tools/view_picture.py            writes docs/images/view.png
    python tools/view_picture.py --dark -o dark.png

Needs selenium, chromium and chromedriver. The picture depends on the machine's fonts: CI does not compare it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FIELD = "#11/payloads%5B1%5D.sa_attributes%5B0%5D.spi"
"""The first push, and in it the SPI of the Rekey SA."""
MOST_OCTETS = 300_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Take the README's picture of gsakmp view.")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images" / "view.png")
    arguments = parser.parse_args()

    from tests.browser.chromium import Window, chromium
    from tests.unit.captures.opening_world import THREE_DES
    from tests.unit.reports.pages import longest, made

    with tempfile.TemporaryDirectory() as folder, chromium() as driver:
        path = Path(folder) / "view.html"
        path.write_bytes(made(longest(), name=f"{THREE_DES}.pcap"))
        window = Window(driver)
        window.size(1440, 800)
        window.prefers("dark" if arguments.dark else "light")
        window.open(path, FIELD)
        window.until(lambda: window.all(".octet.marked"))
        window.js("document.activeElement.blur()")
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(arguments.output))
    size = arguments.output.stat().st_size
    print(f"{arguments.output}: {size} octets")
    return 0 if size <= MOST_OCTETS else 1


if __name__ == "__main__":
    raise SystemExit(main())

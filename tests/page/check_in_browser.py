#!/usr/bin/env python3
"""Opens a page of make_report in headless Chromium and uses it as a person would.

  tests/page/check_in_browser.py report.html [--shots FOLDER]

Run by hand after a change of src/page: a browser is 110 MB of packages, too much for every build.
Needs Debian's chromium and chromium-driver, and selenium from PyPI (4.51). Fails on anything that
the console reports, charts without marks, a filter, a choice or a key that does nothing, text that
the ground hides in either colour scheme, a page that opens a connection or can't be printed.
"""

import argparse
import base64
import pathlib
import re

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

MARKS = "svg circle, svg path, svg rect, svg line"


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--no-first-run", "--window-size=1280,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options,
                            service=webdriver.ChromeService("/usr/bin/chromedriver"))


class Page:
    def __init__(self, file, shots):
        self.driver = browser()
        self.shots = shots
        self.driver.set_script_timeout(30)
        self.driver.get(file.resolve().as_uri())
        WebDriverWait(self.driver, 60).until(lambda driver: self.js(
            "return document.documentElement.dataset.ready === 'true'"))
        self.settle()

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def settle(self):
        """Waits until charts are drawn: they are once their cards have a size."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 150)))")

    def find(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def marks(self, section):
        return self.js(f"return document.querySelectorAll('#{section} figure')"
                       ".length && [...document.querySelectorAll('#" + section + " figure')]"
                       ".map(figure => figure.querySelectorAll(arguments[0]).length)", MARKS) or []

    def select(self, section, label, value=None, index=None):
        for element in self.find(f"#{section} label"):
            if element.text.split("\n")[0].strip().startswith(label):
                choice = Select(element.find_element(By.TAG_NAME, "select"))
                if value is None:
                    choice.select_by_index(index)
                else:
                    choice.select_by_value(value)
                self.settle()
                return
        raise AssertionError(f"#{section} has no choice {label}")

    def shoot(self, name):
        if self.shots is None:
            return
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True, "format": "png",
            "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}})
        (self.shots / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def scheme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name}]})
        self.settle()


def contrast(first, second):
    """The ratio of WCAG 2 of two colours "rgb(r, g, b)"."""
    def luminance(colour):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def check_colours(page, scheme):
    page.scheme(scheme)
    ground, quiet = page.js(
        "const style = element => getComputedStyle(element);"
        "return [style(document.body).backgroundColor, style(document.querySelector('#subtitle')).color]")
    ink = page.js("return getComputedStyle(document.body).color")
    assert contrast(ground, ink) > 7, f"{scheme}: text {ink} on {ground}"
    assert contrast(ground, quiet) > 4.5, f"{scheme}: quiet text {quiet} on {ground}"
    page.shoot(scheme)
    return ground


def check_marks(page):
    for section in ("overview", "layers", "weights", "divergence", "time"):
        if page.js(f"return document.getElementById('{section}').hidden"):
            continue
        counts = page.marks(section)
        single = section == "overview" and page.js("return comq.page.runs.length === 1")
        assert single or counts, f"#{section} has no chart"
        assert all(count > 3 for count in counts), f"#{section}: marks by chart {counts}"
    charts = page.find("figure svg[role=img]")
    assert all(len(chart.get_attribute("aria-label")) > 20 for chart in charts)
    assert len(page.find("figure details.data table")) == len(page.find("figure"))


def check_filters(page):
    if page.js("return comq.page.runs.length") < 2:
        return
    def rows():
        # Behind it may be a table of what is not finished.
        return page.js("return [...document.querySelectorAll('#overview > div > .card table')]"
                       ".find(table => table.caption.textContent.startsWith('Every run'))"
                       ".querySelectorAll('tbody tr').length")

    assert rows() == page.js("return comq.page.runs.length")
    chip = page.find("#filters input")[0]
    chip.send_keys(Keys.SPACE)
    page.settle()
    assert rows() < page.js("return comq.page.runs.length"), "a filter leaves all rows"
    page.find("#filters input")[0].send_keys(Keys.SPACE)
    page.settle()
    assert page.js("return comq.shownRuns().length === comq.page.runs.length")


def check_unfinished(page):
    """What a sweep is still at is there by name and state."""
    listed = page.js("return [...document.querySelectorAll('#overview table')]"
                     ".filter(table => table.caption.textContent === 'Runs without a result')"
                     ".map(table => table.querySelectorAll('tbody tr').length)[0] ?? 0")
    assert listed == page.js("return comq.page.unfinished.length"), f"{listed} unfinished runs"


def check_sizes(page):
    """The horizontal axis of the picture of sizes says numbers that its points are at."""
    wrong = page.js("""
        const apart = [];
        for (const figure of document.querySelectorAll('#overview figure')) {
          const svg = figure.querySelector('svg[role=img]');
          const ticks = [...svg.querySelectorAll("[aria-label='x-axis tick label'] text")];
          const scale = svg.scale('x');
          for (const tick of ticks) {
            const place = Number(tick.getAttribute('transform').match(/translate\\(([-\\d.]+)/)[1]);
            const off = Math.abs(scale.apply(Number(tick.textContent)) - place);
            if (off > 1) apart.push(`${tick.textContent} is ${off} pixels away`);
          }
          if (ticks.length < 2) apart.push(`${ticks.length} ticks`);
        }
        return apart;""")
    assert not wrong, wrong


def check_choices(page):
    text = lambda section: page.js(f"return document.getElementById('{section}').innerHTML")  # noqa: E731
    before = text("weights")
    page.find("#weights button[aria-label='next layer']")[0].send_keys(Keys.ENTER)
    page.settle()
    assert text("weights") != before, "the next layer is the same"
    for label, value in (("Colour", "block"), ("Scale", "linear")):
        before = text("layers")
        page.select("layers", label, value)
        assert text("layers") != before, f"{label}={value} changes nothing"
        assert all(count > 3 for count in page.marks("layers"))
    if page.js("return comq.page.runs.length") > 1:
        before = text("layers")
        other = page.js("return (comq.state.run + 1) % comq.page.runs.length")
        page.select("layers", "Run", index=other)
        assert text("layers") != before, "another run has the same layers"
    page.select("layers", "Scale", "log")
    page.select("layers", "Colour", "kind")


def check_sorting(page):
    heading = page.find("#overview th button")[-1]
    heading.send_keys(Keys.ENTER)
    assert page.find("#overview th[aria-sort=descending]"), "a heading does not sort"


def check_images(page):
    broken = page.js("return [...document.images].filter(i => i.complete && !i.naturalWidth).length")
    assert broken == 0, f"{broken} thumbnails can't be shown"
    return len(page.find("#images .images li")), len(page.find("#images img"))


def check_quiet(page):
    log = [entry for entry in page.driver.get_log("browser") if entry["level"] != "DEBUG"]
    assert not log, f"the console says {log}"
    requests = [entry["message"] for entry in page.driver.get_log("performance")
                if "Network.requestWillBeSent\"" in entry["message"]]
    outside = [text for text in requests if re.search(r'"url":"(https?|wss?)', text)]
    assert not outside, f"the page asked for {outside[0][:300]}"


def check_print(page):
    page.scheme("light")
    pdf = page.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    assert len(pdf) > 10_000
    if page.shots is not None:
        (page.shots / "print.pdf").write_bytes(base64.b64decode(pdf))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--shots", type=pathlib.Path, help="folder for screenshots and a PDF")
    given = parser.parse_args()
    if given.shots:
        given.shots.mkdir(parents=True, exist_ok=True)
    page = Page(given.page, given.shots)
    try:
        light = check_colours(page, "light")
        assert check_colours(page, "dark") != light, "dark looks like light"
        check_marks(page)
        check_unfinished(page)
        check_sizes(page)
        check_filters(page)
        check_choices(page)
        check_sorting(page)
        listed, pictured = check_images(page)
        check_print(page)
        check_quiet(page)
    finally:
        page.driver.quit()
    print(f"{given.page}: fine; {listed} flipped images, {pictured} thumbnails of the run shown")


if __name__ == "__main__":
    main()

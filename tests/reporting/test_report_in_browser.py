"""Reports in a real browser: they render, load nothing from elsewhere, and their tables sort and filter."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vvnorm.reporting.page import render
from vvnorm.reporting.theory import theory_report

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return Chromium without a window; skip where it, its driver or selenium is missing."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver; `make test-browser` installs them")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driven = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield driven
    driven.quit()


@pytest.fixture
def page(browser: Any, results: Path, tmp_path: Path) -> Any:
    """Open the page on the theory."""
    browser.get_log("performance")  # forgets the pages before
    path = tmp_path / "page.html"
    path.write_text(render("theory.html", theory_report(results)))
    browser.get(path.as_uri())
    return browser


def requests(browser: Any) -> list[str]:
    """Return the addresses that the browser asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def cells(browser: Any, table: str, column: int) -> list[str]:
    """Return the texts of a column of a table, of the rows that are shown."""
    script = "return [...document.getElementById(arguments[0]).tBodies[0].rows].filter(r => !r.hidden)"
    return browser.execute_script(f"{script}.map(r => r.cells[arguments[1]].textContent.trim())", table, column)


def test_nothing_is_loaded_from_elsewhere_and_nothing_complains(page: Any) -> None:
    addresses = requests(page)
    assert any(address.startswith("file:") for address in addresses)
    assert [address for address in addresses if not address.startswith(("file:", "data:"))] == []
    assert sum(address.startswith("file:") for address in addresses) == 1  # the page itself
    assert page.get_log("browser") == []


def test_every_picture_and_formula_is_visible(page: Any) -> None:
    sizes = page.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.clientHeight])")
    assert sizes
    assert all(complete and width > 0 and height > 0 for complete, width, height in sizes)
    formulas = page.execute_script(
        "return [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().width)"
    )
    assert formulas
    assert all(width > 0 for width in formulas)


def test_heads_sort_numbers_as_numbers_both_ways(page: Any) -> None:
    heads = page.find_elements("css selector", "#studies-table thead button")
    page.execute_script("arguments[0].click()", heads[8])  # the number of data sets
    up = [float(text) for text in cells(page, "studies-table", 8)]
    assert up == sorted(up)
    assert len(set(up)) > 1
    page.execute_script("arguments[0].click()", heads[8])
    assert [float(text) for text in cells(page, "studies-table", 8)] == sorted(up, reverse=True)
    states = [head.get_attribute("aria-sort") for head in page.find_elements("css selector", "#studies-table thead th")]
    assert states.count("descending") == 1
    assert states.count("ascending") == 0


def test_filters_hide_what_does_not_match(page: Any) -> None:
    claims = cells(page, "claims-table", 0)
    search = page.find_element("css selector", 'form[data-table="claims-table"] input')
    search.send_keys("UNIQUE")
    assert cells(page, "claims-table", 0) == ["uniqueness"]
    assert page.find_element("css selector", 'form[data-table="claims-table"] output').text == f"1 of {len(claims)} rows"
    search.clear()
    search.send_keys(" ")
    choice = page.find_element("css selector", 'form[data-table="claims-table"] select[name="verdict"]')
    choice.send_keys("VIOLATED")
    assert cells(page, "claims-table", 0) == ["width"]


def test_tables_are_sorted_by_keyboard(page: Any) -> None:
    button = page.find_element("css selector", "#claims-table thead button")
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys("\ue007")
    assert cells(page, "claims-table", 0) == ["uniqueness", "width"]
    page.switch_to.active_element.send_keys("\ue007")
    assert cells(page, "claims-table", 0) == ["width", "uniqueness"]


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    page.set_window_size(400, 800)
    width, inner = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    wide = "return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert width <= inner, page.execute_script(f"{wide}.map(e => e.outerHTML.slice(0, 80)).slice(0, 5)")
    page.set_window_size(1200, 900)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(page: Any, scheme: str) -> None:
    features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
    colours = page.execute_script(
        "const look = e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor];"
        "return [document.body, ...document.querySelectorAll('.good, .bad, .open, .quiet, a')].map(look)"
    )
    for text, behind in {tuple(pair) for pair in colours}:
        light, dark = sorted((luminance(text), luminance(behind)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, behind)  # WCAG 2, level AA


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour such as `rgb(1, 2, 3)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

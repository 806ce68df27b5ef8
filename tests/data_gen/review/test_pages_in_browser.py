"""``browse`` and ``review`` in a real browser: keys, notes that are saved, zoom, phone width, and no errors."""

from __future__ import annotations

import shutil

import pytest
from page_support import serving
from small_dataset import make_rows, write_dataset

from reinforcesight.data_gen.review.site import ReviewPages
from reinforcesight.data_gen.viewing.browse_pages import DatasetPages

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(browser, request):
    width, height, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path / "set", {"train": make_rows(range(6), per_axis=4)})


def fits(page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def moved(page, key: str) -> str:
    """The path of the page to which a key leads."""
    before = page.url
    page.keyboard.press(key)
    page.wait_for_url(lambda url: url != before)
    return str(page.url).rpartition("/")[2]


def test_review_by_keys(page, dataset):
    site = ReviewPages(dataset, samples=12, seed=0, reviewer="anna", confidence=0.95)
    with serving(site) as port:
        page.goto(f"http://127.0.0.1:{port}/")
        assert fits(page)
        assert [moved(page, key) for key in ("r", "w", "n", "u", "ArrowLeft")] == ["1", "2", "3", "2", "1"]
        assert page.get_attribute(".chosen", "data-verdict") == "wrong_relation"
        page.keyboard.press("m")
        page.keyboard.type("rwn are no verdicts here")
        page.keyboard.press("Escape")
        page.wait_for_selector("#said:has-text('saved')")
        page.keyboard.press("o")
        assert not page.is_visible("#stage svg")
        page.keyboard.press("+")
        assert "scale(1.5)" in page.get_attribute("#stage", "style")
        page.keyboard.press("0")
        assert "scale(1)" in page.get_attribute("#stage", "style")
        page.goto(f"http://127.0.0.1:{port}/question/2")
        for _ in range(10):
            last = moved(page, "r")
        assert last == "summary"
        assert fits(page)
    comments = {record.get("comment") for record in site._log.records()}
    assert "rwn are no verdicts here" in comments
    assert site.results()["verdicts"]["wrong_relation"] == 1
    assert site.results()["reviewed"] == 12


def test_browse_by_keys(page, dataset):
    site = DatasetPages(dataset)
    with serving(site) as port:
        page.goto(f"http://127.0.0.1:{port}/?relation=left")
        assert fits(page)
        page.click("section.cards .card:first-child a")
        page.keyboard.press("x")
        page.wait_for_selector("#saved:has-text('saved')")
        page.fill("#tags", "odd, small")
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
        page.wait_for_function("document.getElementById('saved').textContent === 'saved'")
        assert fits(page)
        assert "relation=left" in moved(page, "ArrowRight")
        assert moved(page, "Escape").startswith("?relation=left")
        page.keyboard.press("/")
        page.keyboard.type("nothing has this text")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=no question matches")
    [note] = site.annotations.all().values()
    assert note.excluded
    assert set(note.tags) == {"odd", "small"}

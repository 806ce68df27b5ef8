"""The demo's page: its parts, and in a browser where gradio and Playwright are installed."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest
from PIL import Image

from reinforcesight.demo.answers import DemoAnswer, DemoModels
from reinforcesight.demo.app import answers_as_html, boxes_of, build_page, with_clicks
from reinforcesight.demo.config import DemoConfig
from reinforcesight.demo.questions import DemoQuestion

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def test_two_clicks_make_a_box_in_any_order() -> None:
    assert boxes_of([(30, 40), (10, 20), (5, 5)]) == [(10.0, 20.0, 31.0, 41.0)]


def test_a_first_corner_is_shown_in_the_colour_of_its_box() -> None:
    shown = with_clicks(Image.new("RGB", (100, 80)), [(10, 10), (40, 40), (70, 50)])
    assert shown.getpixel((10, 10)) == (255, 0, 0)
    assert shown.getpixel((70, 50)) == (0, 0, 255)


def test_page_escapes_what_a_model_says() -> None:
    question = DemoQuestion(Image.new("RGB", (8, 8)), "Where?", ("left", "right"))
    answer = DemoAnswer("<b>x</b>", (("<script>1</script>", None),), "<i>(A)</i>", "A", None, finished=False)
    page = answers_as_html([answer], question)
    assert "<script" not in page
    assert "<i>" not in page
    assert "<b>" not in page
    assert "cut off" in page


@pytest.mark.skipif(
    find_spec("gradio") is None or find_spec("playwright") is None or CHROMIUM is None,
    reason="needs gradio, playwright and Chromium",
)
def test_a_rendered_picture_is_asked_in_the_browser() -> None:
    from playwright.sync_api import sync_playwright

    config = DemoConfig(max_new_tokens=80)
    page = build_page(DemoModels(config), config)
    _, address, _ = page.launch(server_name="127.0.0.1", quiet=True, prevent_thread_lock=True)
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            tab = browser.new_page()
            problems: list[str] = []
            tab.on("pageerror", lambda error: problems.append(str(error)))
            tab.goto(address)
            tab.get_by_role("button", name="Rendered picture").click()
            tab.wait_for_function("document.querySelector('#picture img') !== null")
            tab.wait_for_function("document.querySelectorAll('textarea')[0].value.length > 20")
            tab.get_by_role("button", name="Ask").click()
            tab.wait_for_selector(".verdict")
            assert tab.locator("h3", has_text="nano").count() == 1
            assert problems == []
            browser.close()
    finally:
        page.close(verbose=False)

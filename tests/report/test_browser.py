"""The page in a real browser: it works, logs no error, and requests nothing."""

import json
import time

import pytest

pytest.importorskip("selenium.webdriver", reason="needs selenium")
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select


@pytest.fixture
def visit(browser, set_up, make_page, tmp_path):
    """Return a function that opens a page of thirty videos, and returns the browser."""
    path = tmp_path / "page.html"

    def open_page(fragment="", n_videos=30):
        path.write_text(make_page(n_videos), "utf-8")
        browser.get("about:blank")
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # forgets the page before
        browser.get(f"{path.as_uri()}{fragment}")
        return browser

    yield open_page
    assert browser.get_log("browser") == []  # no error, and nothing against the policy
    messages = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"].endswith("WillBeSent")]
    assert path.as_uri() in {url.partition("#")[0] for url in asked}
    foreign = [u for u in asked if not u.startswith(("data:", path.as_uri(), "about:"))]
    assert foreign == []


def rows(page):
    return [row for row in page.find_elements(By.TAG_NAME, "article") if row.is_displayed()]


def values(page, name):
    return [row.get_attribute(f"data-{name}") for row in rows(page)]


def choose(page, name, text):
    Select(page.find_element(By.ID, name)).select_by_visible_text(text)


def test_videos_can_be_sorted(visit):
    page = visit()
    scores = [float(value) for value in values(page, "score-0")[:-1]]
    assert scores == sorted(scores, reverse=True)
    choose(page, "sort", "Memorability, lowest first")
    assert values(page, "score-0")[-1] is None  # the bad video stays the last
    assert [float(value) for value in values(page, "score-0")[:-1]] == scores[::-1]
    choose(page, "sort", "Name")
    names = values(page, "name")
    assert names[:4] == ["bad.mp4", "beach_1.mp4", "beach_3.mp4", "beach_5.mp4"]
    assert names[-1] == "city_28.mp4"  # numbers are compared as numbers
    choose(page, "sort", "Order given")
    assert values(page, "position") == [str(i) for i in range(30)]


def test_videos_can_be_searched(visit):
    page = visit()
    search = page.find_element(By.ID, "search")
    search.send_keys("BEACH 1")
    assert sorted(values(page, "name")) == [
        "beach_1.mp4", *(f"beach_{i}.mp4" for i in (11, 13, 15, 17, 19, 21))
    ]  # fmt: skip
    assert page.find_element(By.ID, "count").text == "7 of 30 videos"
    search.send_keys("nothing")
    assert rows(page) == []
    assert page.find_element(By.ID, "none").is_displayed()
    search.send_keys(Keys.CONTROL, "a", Keys.BACKSPACE)
    assert len(rows(page)) == 30


def test_videos_can_be_filtered(visit):
    page = visit()
    choose(page, "show", "Not described")
    assert values(page, "name") == ["bad.mp4"]
    choose(page, "show", "Top quarter of training")
    assert rows(page)
    assert set(values(page, "group")) == {"high"}


def is_open(page, fragment):
    script = "return document.getElementById(arguments[0]).closest('details').open"
    return page.execute_script(script, fragment)


def top(page, fragment):
    script = """return document.getElementById(arguments[0])
        .closest('article').getBoundingClientRect().top"""
    return page.execute_script(script, fragment)


def test_a_fragment_opens_its_video_and_shows_it(visit):
    page = visit("#v-city-14-mp4", n_videos=300)
    time.sleep(0.5)  # for the browser to scroll
    assert is_open(page, "v-city-14-mp4")
    assert not is_open(page, "v-city-16-mp4")
    assert 0 <= top(page, "v-city-14-mp4") < 450


def test_a_link_to_a_hidden_video_shows_it(visit):
    page = visit()
    page.find_element(By.ID, "search").send_keys("beach")
    page.execute_script("location.hash = '#v-city-14-mp4'")
    time.sleep(0.5)
    assert is_open(page, "v-city-14-mp4")
    assert len(rows(page)) == 30


def test_the_page_can_be_used_by_keyboard(visit):
    page = visit()
    summary = page.find_element(By.CSS_SELECTOR, "article summary")
    page.find_element(By.ID, "toggle").send_keys(Keys.TAB)
    assert page.switch_to.active_element == summary
    summary.send_keys(Keys.ENTER)
    assert page.find_element(By.CSS_SELECTOR, "article .detail").is_displayed()
    first = page.find_element(By.CSS_SELECTOR, "article .detail a")
    page.switch_to.active_element.send_keys(Keys.TAB)
    assert page.switch_to.active_element == first


def test_all_videos_can_be_opened_and_closed(visit):
    page = visit()
    toggle = page.find_element(By.ID, "toggle")
    for label, n_open in (("Open all", 30), ("Close all", 0)):
        assert toggle.text == label
        toggle.click()
        assert len(page.find_elements(By.CSS_SELECTOR, "article details[open]")) == n_open
        time.sleep(0.1)  # for the event
    assert toggle.text == "Open all"


def test_the_page_is_complete_without_javascript(visit, set_up):
    set_up(scripts=False)
    page = visit("#v-city-14-mp4")
    assert not page.find_element(By.ID, "tools").is_displayed()
    assert len(rows(page)) == 30
    summary = page.find_element(By.CSS_SELECTOR, "article summary")
    summary.click()
    assert "What each tier says" in page.find_element(By.CSS_SELECTOR, "article .detail").text
    fragment = page.find_element(By.ID, "v-city-14-mp4")
    assert fragment.is_displayed()  # browsers open the details around a fragment


@pytest.mark.parametrize("width", [320, 360, 800, 1200])
def test_nothing_is_wider_than_the_window(visit, set_up, width):
    set_up(width=width)
    page = visit(n_videos=6)
    page.find_element(By.ID, "toggle").click()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_colours_follow_the_system(visit, set_up):
    grounds = []
    for colours in ("light", "dark"):
        set_up(colours=colours)
        page = visit(n_videos=3)
        grounds.append(
            page.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        )
    assert grounds == ["rgba(253, 253, 251, 1)", "rgba(21, 24, 27, 1)"]


def test_pictures_and_charts_are_drawn(visit):
    page = visit(n_videos=6)
    page.find_element(By.ID, "toggle").click()
    time.sleep(0.2)
    drawn = page.execute_script(
        "return [...document.images].map(image => image.complete && image.naturalWidth)"
    )
    assert set(drawn) == {24}
    still = page.find_element(By.CSS_SELECTOR, ".still.r0")
    assert "data:image/webp" in still.value_of_css_property("background-image")
    for chart in page.find_elements(By.CSS_SELECTOR, "svg.chart"):
        assert chart.get_attribute("aria-label")
        assert chart.rect["height"] > 100


def test_a_printed_page_has_the_videos_and_not_the_tools(visit):
    page = visit(n_videos=6)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.find_element(By.ID, "tools").is_displayed()
    assert len(rows(page)) == 6


@pytest.mark.slow  # a page of 1,000 videos
def test_a_thousand_videos_are_sorted_at_once(visit):
    page = visit(n_videos=1000)
    script = """const sort = document.getElementById("sort"), start = performance.now();
        sort.value = "name 1"; sort.dispatchEvent(new Event("change"));
        document.body.offsetHeight; return performance.now() - start"""
    assert page.execute_script(script) < 2000  # ms; measured: 90, and 330 on a busy machine

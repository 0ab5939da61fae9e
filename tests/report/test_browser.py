"""The report in Chromium: what it shows, what it connects to, and that the keyboard reaches all of it."""

import shutil

import pytest

from topicforge import TopicModel

pytest.importorskip("plotly", reason="needs the extra plot")
api = pytest.importorskip("playwright.sync_api", reason="needs the PyPI package playwright")
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in PATH")

#: what the keyboard is at
NAME = (
    "(({ id, ariaLabel, textContent }) => id || ariaLabel || textContent)(document.activeElement)"
)
SPORT = "The team scored a goal and the players won the match of the season"
FOOD = "Stir the <script> onion, garlic and tomato in the pan and serve the soup hot"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    texts = [
        f"{SPORT if n % 2 else FOOD} today{' referee' * (n % 6 == 1)} ({n})" for n in range(60)
    ]
    model = TopicModel(n_topics=3, epochs=3).fit(texts)
    return model.report(
        texts, tmp_path_factory.mktemp("report") / "report.html", title="Sport and food",
        labels=["sport" if n % 2 else "food" for n in range(60)],
        times=[f"20{10 + n % 6}-06" for n in range(60)],
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


@pytest.fixture
def opened(browser, report):
    """The page, and what it said and asked for beyond itself."""
    pages = []

    def opened(width=1000, theme="light"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=theme)
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.heard.append(request.url))
        page.goto(report.as_uri())
        page.wait_for_selector('[data-figure="training"] .main-svg')
        pages.append(page)
        return page

    yield opened
    for page in pages:
        # its own address is all that it asks for
        assert page.heard == [report.as_uri()]
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_is_wider_than_the_screen(opened, width, theme):
    page = opened(width, theme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figures = page.query_selector_all(".figure")
    assert len(figures) == 8
    for figure in figures:
        assert figure.query_selector(".main-svg").bounding_box()["width"] <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[theme]
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background


def words(page):
    return page.eval_on_selector(
        '[data-figure="words"] .plot', "plot => plot.data[0].y.slice(0, 10)"
    )


def test_the_slider_orders_the_words_anew(opened):
    page = opened()
    page.focus("#lambda")
    page.keyboard.press("End")
    assert page.text_content("#lambda-value") == "1.0"
    frequent = words(page)
    given = page.eval_on_selector('[data-figure="words"] .plot', "plot => plot.data[0].x")
    assert given == sorted(given, reverse=True)
    page.keyboard.press("Home")
    assert page.text_content("#lambda-value") == "0.0"
    x, y = (
        page.eval_on_selector('[data-figure="words"] .plot', f"p => p.data[{i}].x") for i in (0, 1)
    )
    lift = [a / b for a, b in zip(x, y, strict=True)]
    assert lift == sorted(lift, reverse=True)
    assert words(page) != frequent


def test_search_finds_words_and_documents(opened):
    page = opened()
    page.fill("#query", "GARLIC")
    page.locator("#found-documents li").first.wait_for()
    assert "30 of 60 documents" in page.text_content("#found")
    assert page.locator("#found-topics li").count() >= 1
    assert page.locator("#found-documents li").count() == 30
    first = page.locator("#found-documents li").first
    assert "the <script> onion" in first.text_content()
    assert page.locator("#found-documents mark").count() > 30
    page.locator("#found-topics button").first.press("Enter")
    assert page.evaluate("document.activeElement.id") == "topic"
    page.fill("#query", "nowhere to be found")
    page.locator("#found-documents li").first.wait_for(state="detached")


def test_words_that_matter_are_marked(opened):
    page = opened()
    text = page.locator("#of-topic li p").first
    marks = text.locator("mark").all_text_contents()
    assert {mark.lower() for mark in marks} & {"goal", "onion", "match", "garlic"}
    assert text.text_content()[:4] in ("The ", "Stir")


def test_the_keyboard_reaches_everything(opened):
    page = opened()
    count = page.locator("a[href], button, input, select, summary, [tabindex='0']").evaluate_all(
        "all => all.filter((one) => one.checkVisibility()).length"
    )
    reached = []
    for _ in range(count + 5):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(NAME))
    for name in (
        "theme",
        "topic",
        "before",
        "after",
        "lambda",
        "query",
        "call",
        "All topics",
        "Scores",
    ):
        assert name in reached, name
    for figure in ("Map of topics", "Training", "Hierarchy of topics"):
        assert f"{figure}: Save as PNG" in reached
        assert f"{figure}: As a table" in reached
    page.focus("#topic")
    before = page.text_content("#state")
    page.keyboard.press("ArrowDown")
    assert page.text_content("#state") != before


def test_everything_has_a_name(opened):
    page = opened()
    unnamed = page.evaluate("""[...document.querySelectorAll('button, input, select, [role=img], section')]
      .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).length""")
    assert unnamed == 0


def test_a_figure_is_a_table_and_a_picture_too(opened):
    page = opened()
    page.locator('[data-figure="classes"] summary').press("Enter")
    rows = page.locator('[data-figure="classes"] tbody tr')
    rows.first.wait_for()
    assert rows.count() == 2 * 3
    assert rows.first.locator("td").first.text_content() == "food"
    with page.expect_download() as download:
        page.locator('[data-figure="classes"] button').first.press("Enter")
    assert download.value.suggested_filename == "topicforge-classes.png"
    page.heard[:] = [url for url in page.heard if not url.startswith(("blob:", "data:"))]

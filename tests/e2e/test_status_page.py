"""The status page, in a real browser: hostile names stay text, nothing runs and nothing is fetched,
it fits a phone and a desk, in the light and in the dark, and it can be read with the keyboard
alone."""

import re
import time

import pytest

from .support.browser import ELEMENT, ENTER, TAB, Browser
from .support.deliveries import workflow_job
from .support.past import HOUR_MS, Past
from .support.site import Site, close_sites

STATUS_PATH = "/github/webhook/status"
MINUTE_MS = 60 * 1000
HOSTILE = (
    "<script>document.title='pwned';window.__pwned=1</script>",
    "<img src=x onerror=\"window.__pwned=1\">",
    "\"><svg onload=window.__pwned=1>",
    "' autofocus onfocus='window.__pwned=1",
    "</title><h1>pwned</h1>",
    "&lt;b&gt;",
    "x" * 900,
    "بناء الحزمة (لينكس)",
    "בדיקת יחידה",
    "👩‍💻 deploy 🚀",
    "日本語のジョブ",
)
OVERRIDE = "invoice\u202egpj.exe"
SCRIPT_URLS = ("javascript:window.__pwned=1", "data:text/html,<script>1</script>",
               "http://example.org/plain")

# The WCAG 2.2 contrast of every element that has text of its own, the lowest first.
CONTRAST = """
    const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const behind = e => {
        for (; e; e = e.parentElement) {
            const c = parse(getComputedStyle(e).backgroundColor);
            if (c.length === 3 || c[3] === 1) return c;
        }
        return [255, 255, 255];
    };
    const seen = [];
    for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || e.tagName === 'title' || e.tagName === 'desc') continue;
        const style = getComputedStyle(e);
        const color = e.tagName === 'text' ? style.fill : style.color;
        const [a, b] = [light(parse(color)), light(behind(e))];
        seen.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
                   e.tagName + '.' + e.getAttribute('class')]);
    }
    return seen.sort((a, b) => a[0] - b[0]);
"""


def hostile_past():
    past = Past(int(time.time() * 1000))
    for number, name in enumerate(HOSTILE):
        at = (number + 2) * MINUTE_MS
        past.add("done", at + 2 * MINUTE_MS, at + MINUTE_MS, at, name=name, branch=name,
                 workflow=name)
    past.add("done", 90_000, 60_000, 30_000, name=OVERRIDE)
    for url in SCRIPT_URLS:
        past.add("running", 90_000, 60_000, name=f"link {url}", url=url)
    past.add("assigned", 90_000, name="on its way")
    past.add("failed", 90_000, 60_000, 20_000, name="<b>lost</b>",
             last_error="<i>its runner died</i> of \"OOM\"")
    past.add_ended(200, 23 * HOUR_MS)
    past.note(past.jobs[0][0], past.now_ms, "<u>what</u>", None, "<s>detail</s>\u202e")
    return past


@pytest.fixture(scope="module")
def world(runhook_path):
    """A site whose jobs have every hostile name, behind nginx."""
    site = Site(runhook_path)
    try:
        front = site.serve("nginx")
        hostile_past().write(site.ledger_path)
        assert front.post(workflow_job(name="<script>1</script>")).status == 202
        assert front.post(workflow_job(secret="forged"),
                          x_github_event="<script>window.__pwned=1</script>").status == 403
        front.url = f"http://{front.address}{STATUS_PATH}"
        yield front
    finally:
        close_sites([site])


@pytest.fixture(scope="module")
def browser(world):  # which outlives it: a site that closes takes every process for its own
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, world):
    browser.show()
    browser.open(world.url)
    return browser


def test_nothing_runs_and_nothing_is_fetched(page):
    assert re.fullmatch(r"runhook: trouble, \d+ waiting, \d+ running", page.title)
    assert page.run("return window.__pwned") is None
    assert page.run("return document.scripts.length + document.images.length") == 0
    assert page.run("return [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
                    ".filter(a => /^on|^style$|^src/.test(a.name)).length") == 0
    assert not page.has_dialog()
    assert page.fetched() == []
    assert page.console() == []


def test_hostile_names_are_shown_as_text(page):
    names = page.run("return [...document.querySelectorAll('h3')].map(e => e.textContent)")
    for name in HOSTILE:
        assert (name if len(name) < 120 else name[:120] + "…") in names
    text = page.run("return document.body.textContent")
    assert "\u202e" not in text and "invoice\ufffdgpj.exe" in names
    assert "<i>its runner died</i> of \"OOM\"" in text
    assert "<s>detail</s>" in text
    # Each on its own, with the direction of its letters.
    directions = dict(page.run(
        "return [...document.querySelectorAll('h3 bdi')].map(e => [e.textContent,"
        " getComputedStyle(e).direction + ' ' + getComputedStyle(e).unicodeBidi])"))
    assert directions["בדיקת יחידה"] == directions["بناء الحزمة (لينكس)"] == "rtl isolate"
    assert directions["日本語のジョブ"] == "ltr isolate"


def test_only_https_is_a_link(page):
    links = page.run("return [...document.links].map(a => [a.textContent, a.protocol, a.rel])")
    assert not [link for link in links if link[0].startswith("link ")]
    assert {(protocol, rel) for text, protocol, rel in links if text != "Reload"} == {
        ("https:", "noreferrer")}
    assert len([text for text, _, _ in links if text == "Reload"]) == 1


def test_the_style_is_permitted(page):
    assert page.run("return getComputedStyle(document.querySelector('.pill')).borderRadius"
                    ) == "99px"
    assert page.run("return getComputedStyle(document.querySelector('.chart .r')).stroke"
                    ) != "none"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_it_fits_and_can_be_read(page, width, dark):
    page.show(width=width, height=800, dark=dark)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.run("return [document.documentElement.scrollWidth, innerWidth]") == [
        width, width]
    beyond = page.run("return [...document.querySelectorAll('main *')].filter(e => !e.closest("
                      "'svg, thead') && e.getBoundingClientRect().right > innerWidth)"
                      ".map(e => e.outerHTML.slice(0, 200))")
    assert beyond == []
    lightness = page.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", lightness))) < 300) == dark
    contrasts = page.run(CONTRAST)
    assert len(contrasts) > 100
    assert contrasts[0][0] >= 4.5, contrasts[:5]


def test_the_keyboard_alone_opens_a_story(page):
    focus = "const e = document.activeElement; return e.tagName.toLowerCase()"
    seen = []
    for _ in range(40):
        page.press(TAB)
        seen.append(page.run(focus))
        if seen[-1] == "summary" and page.run(
                "return document.activeElement.closest('.jobs') !== null"):
            break
    assert seen[0] == "a" and seen[-1] == "summary", seen
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    story = "return document.activeElement.parentElement.open"
    assert page.run(story) is False
    page.press(ENTER)
    assert page.run(story) is True
    assert page.run("return document.activeElement.parentElement.querySelector('li')"
                    ".checkVisibility()")
    page.press(ENTER)
    assert page.run(story) is False


def test_its_parts_have_names(page):
    """Landmarks and headings, and tables whose headers say what they head."""
    assert page.run("return ['header', 'main', 'footer', 'h1'].map(t => document"
                    ".querySelectorAll(t).length)") == [1, 1, 1, 1]
    assert page.run("return [...document.querySelectorAll('section')].filter(s => !document"
                    ".getElementById(s.getAttribute('aria-labelledby'))).length") == 0
    assert page.run("return document.querySelectorAll('th:not([scope])').length") == 0
    levels = page.run("return [...document.querySelectorAll('h1, h2, h3')].map(h =>"
                      " +h.tagName[1])")
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:]))
    assert page.run("return document.documentElement.lang") == "en"
    chart = page.do("POST", "/element", {"using": "css selector", "value": ".chart"})
    label = page.do("GET", f"/element/{chart[ELEMENT]}/computedlabel")
    assert label == "Jobs waiting and running over the last 24 hours"


def test_it_says_how_old_it_is(page):
    visible = ("return [...document.querySelectorAll('.age span')].filter(e =>"
               " getComputedStyle(e).visibility === 'visible').map(e => e.textContent)")
    at = "document.getAnimations().forEach(a => { a.pause(); a.currentTime = %d }); "
    for age_s, words in ((1, "just now"), (61, "over a minute old"), (599, "over a minute old"),
                         (601, "over ten minutes old")):
        assert page.run(at % (age_s * 1000) + visible) == [words]


def test_no_secret_is_in_it(page, world):
    source = page.source
    assert len(source) > 10000
    assert not [secret for secret in world.site.secrets if secret in source]


def test_its_headers_and_head(world):
    got = world.get(STATUS_PATH)
    assert got.status == 200
    assert got.header("content-type") == "text/html; charset=utf-8"
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri "
                        r"'none'; form-action 'none'; frame-ancestors 'none'",
                        got.header("content-security-policy"))
    assert got.header("referrer-policy") == "no-referrer"
    assert got.header("x-content-type-options") == "nosniff"
    assert got.header("cache-control") == "no-store"
    assert got.header("cross-origin-resource-policy") == "same-origin"
    head = world.client.request("HEAD", STATUS_PATH)
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-type") == got.header("content-type")
    assert world.client.request("POST", STATUS_PATH).status == 405

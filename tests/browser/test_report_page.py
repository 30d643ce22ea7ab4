"""The HTML report in real Chromium: what a person sees, clicks and types, and that nothing hostile runs."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import lab
from documents import HOSTILE, document, every_state, hostile, named
from records import good

sys.path.insert(0, str(Path(__file__).parent))
from chromium import Chromium, program

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(program() is None, reason="Chromium is not installed (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    found = Chromium()
    yield found
    found.close()


@pytest.fixture
def page(browser: Chromium, tmp_path: Path) -> Iterator[Chromium]:
    """The report with a PC in every state."""
    path = tmp_path / "report.html"
    path.write_text(report_html.page(document(every_state())), encoding="utf-8")
    browser.scripts(True)
    browser.width(1280)
    browser.media()
    browser.open(path)
    yield browser
    kept = os.environ.get("GPUREADY_PICTURES")
    if kept:
        browser.picture(Path(kept) / f"{os.environ['PYTEST_CURRENT_TEST'].split('::')[-1].split(' ')[0]}.png")


def lab_page(folder: Path) -> Path:
    """The page of a lab after its second run."""
    state: dict[str, Any] | None = None
    before = [*every_state(), named("old", good())]
    before[5] = named("pc06", good())
    words = {"life": "discontinued", "warnings": ["tensorflow-directml-plugin is discontinued: no fixes any more"]}
    for number, records in enumerate((before, every_state())):
        records[0] = {**records[0], "plan": {**records[0]["plan"], **words}}
        for at, record in enumerate(records):
            record["place"] = {"room": f"Lab {at % 3}", "groups": ["new"] * (at < 4)}
        found = document(records, id=f"{number}", finished_at=f"2026-11-{22 + number}T08:30:00.000+00:00")
        state = lab.taken(state, found, ["/lab"], [one["host"] for one in found["hosts"]], f"runs/{number}")
        state = lab.counted(state, lab.document(state, ["/lab"]))
    assert state is not None
    (folder / "lab.html").write_text(report_html.page(lab.document(state, ["/lab"])), encoding="utf-8")
    return folder / "lab.html"


NAMES = (
    "[...document.querySelectorAll('#table tbody tr')].filter(r => !r.hidden).map(r => r.cells[0].textContent.trim())"
)
SEEN = "[...document.querySelectorAll('#table tbody tr')].filter(r => r.checkVisibility()).length"
BY_NEED = ["pc03", "pc11", "pc04", "pc10", "pc05", "pc06", "pc02", "pc07", "pc01"]
ALL = ["pc01", "pc02", "pc03", "pc04", "pc05", "pc06", "pc07", "pc10", "pc11"]


def test_each_pc_stands_there_with_verdict_cause_and_next_step(page: Chromium) -> None:
    assert page.js("document.title") == "GPU readiness"
    assert page.js(NAMES) == BY_NEED
    row = page.js("document.querySelectorAll('#table tbody tr')[0].innerText")
    for words in ("pc03", "not ready", "BASIC_DRIVER", "basic display driver", "Next: Install the driver"):
        assert words in row
    assert page.js("document.querySelector('.headline').textContent").startswith(
        "2 of 9 PCs ready (1 of them degraded)"
    )
    counts = page.js(
        "[...document.querySelectorAll('.counts li')].map(l => l.querySelector('b').textContent + l.className)"
    )
    assert counts == ["1ready", "1degraded", "2not_ready", "2unknown", "1unreachable", "1stale", "1skipped"]


def test_a_filter_by_verdict_and_by_words(page: Chromium) -> None:
    page.js(
        "{ const s = document.getElementById('state'); s.value = 'NOT_READY'; s.dispatchEvent(new Event('change')) }"
    )
    assert page.js(NAMES) == ["pc03", "pc11"]
    assert page.js("document.getElementById('shown').textContent") == "2 of 9 shown"
    assert page.js("document.querySelectorAll('details:not([hidden])').length") == 2
    page.click("#find")
    page.write("Basic Display")
    assert page.js(NAMES) == ["pc03"]
    page.write(" nowhere")
    assert page.js(NAMES) == []
    assert page.js("document.getElementById('none').checkVisibility()") is True


def test_what_is_chosen_stands_in_the_address_and_comes_back(page: Chromium, tmp_path: Path) -> None:
    page.click(".counts .not_ready a")
    assert page.js("new Promise(done => setTimeout(done, 100))") is None
    assert page.js(NAMES) == ["pc03", "pc11"]
    page.click("#find")
    page.write("driver BASIC")
    assert page.js(NAMES) == ["pc03"], "every word is searched, in whatever order"
    assert page.js("location.hash") == "#verdict=not-ready&find=driver%20BASIC"
    page.open(tmp_path / "report.html", "#verdict=not-ready&find=driver%20BASIC")
    assert page.js(NAMES) == ["pc03"]
    assert page.js("document.getElementById('state').value") == "NOT_READY"
    page.open(tmp_path / "report.html", "#pc=PC04")
    assert page.js("[...document.querySelectorAll('details[open]')].map(d => d.id)") == ["pc3"]
    page.open(tmp_path / "report.html", "#verdict=nonsense&pc=nobody")
    assert page.js("[...document.querySelectorAll('#table tbody tr')].filter(r => !r.hidden).length") == 9


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_it_around(page: Chromium) -> None:
    page.click("th[data-sort=host] button")
    assert page.js("document.querySelector('th[data-sort=host]').getAttribute('aria-sort')") == "ascending"
    assert page.js(NAMES) == ALL
    page.click("th[data-sort=host] button")
    assert page.js(NAMES) == ALL[::-1]
    page.click("th[data-sort=state] button")
    states = page.js("[...document.querySelectorAll('#table tbody tr')].map(r => r.dataset.state)")
    order = ["READY", "DEGRADED", "NOT_READY", "NOT_READY", "UNKNOWN", "UNKNOWN", "UNREACHABLE", "STALE", "SKIPPED"]
    assert states == order
    assert page.js("document.querySelectorAll('th[aria-sort]').length") == 1


def test_a_click_on_a_pc_opens_its_details(page: Chromium) -> None:
    page.click("#table tbody tr:nth-child(7) a")
    assert page.js("new Promise(done => setTimeout(done, 100))") is None
    assert page.js("[...document.querySelectorAll('details[open]')].map(d => d.id)") == ["pc1"]
    shown = page.js("document.getElementById('pc1').innerText")
    for words in (
        "throughput",
        "55 samples a second, CPU 100, ratio 0.55, bound 1",
        "Why this stack",
        "24.6.1",
        "tensorflow 2.10.0",
    ):
        assert words in shown
    assert page.js("document.querySelector('#pc1 svg').getAttribute('aria-label')").startswith("Losses: processor ")
    assert page.js("document.querySelectorAll('#pc1 polyline').length") == 2
    page.click("#open")
    assert page.js("document.querySelectorAll('details[open]').length") == 9
    page.click("#close")
    assert page.js("document.querySelectorAll('details[open]').length") == 0


@pytest.mark.parametrize("scripts", [True, False])
def test_a_plan_that_pcs_share_is_reached_from_each(page: Chromium, tmp_path: Path, scripts: bool) -> None:
    page.scripts(scripts)
    page.open(tmp_path / "report.html")
    page.click("#pc1 summary")
    page.click("#pc1 a[href='#plan0']")
    assert page.js("document.activeElement.id") == "plan0", "where a screen reader reads on"
    shown = page.js("document.getElementById('plan0').parentElement.innerText")
    assert "pc01, pc02" in shown
    assert "Why this stack" in shown
    assert page.js("document.getElementById('plan0').getBoundingClientRect().top < innerHeight")
    page.scripts(True)


def test_the_keyboard_alone_does_it_all(page: Chromium) -> None:
    names = []
    for _ in range(60):
        page.press("Tab", 9)
        names.append(page.js("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 20)"))
        if names[-1].startswith("pc11") and page.js("document.activeElement.tagName") == "SUMMARY":
            break
    assert names[0] == "Skip to the PCs"
    assert names[1:8] == ["ready", "degraded", "not ready", "unknown", "unreachable", "stale", "skipped"]
    assert names[8:11] == ["find", "state", "PC"]
    assert "pc01" in names
    assert names.index("open") < len(names) - 1
    page.press("Enter", 13, "\r")
    assert page.js("document.activeElement.parentElement.open") is True
    outline = page.js("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus is seen"


def test_without_scripts_it_is_read_all_the_same(page: Chromium, tmp_path: Path) -> None:
    page.scripts(False)
    page.open(tmp_path / "report.html")
    assert page.js(SEEN) == 9
    assert page.js("document.getElementById('filter').checkVisibility()") is False, "what would not work is not shown"
    assert page.js("document.querySelectorAll('#table button').length") == 0, "no script ran"
    page.click("#pc2 summary")
    assert page.js("document.getElementById('pc2').open") is True
    assert "Why not another" in page.js("document.getElementById('pc2').innerText")
    page.scripts(True)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_scrolls_sideways(page: Chromium, width: int) -> None:
    page.width(width)
    page.click("#open")
    assert page.js("document.documentElement.scrollWidth") <= width
    assert page.js(SEEN) == 9
    narrow = page.js(
        "Math.min(...[...document.querySelectorAll('#table tbody td:last-child')].map(c => c.clientWidth))"
    )
    assert narrow > 200
    assert page.js("document.querySelector('caption').clientHeight") < 80


CONTRAST = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const worst = [];
  for (const e of document.querySelectorAll('body *')) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const [a, b] = [lum(parse(getComputedStyle(e).color)), lum(back(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) worst.push(e.className + ' ' + e.tagName + ' ' + ratio.toFixed(2));
  }
  return worst;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(page: Chromium, scheme: str) -> None:
    page.media(scheme=scheme)
    page.click("#open")
    dark = page.js("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")
    assert page.js(CONTRAST) == []


@pytest.mark.parametrize("width", [390, 1280])
def test_what_a_screen_reader_is_told(page: Chromium, width: int) -> None:
    page.width(width)
    page.click("#open")
    page.call("Accessibility.enable")
    nodes = [n for n in page.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    roles = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes]
    named = [
        role
        for role, name in roles
        if role in ("link", "button", "textbox", "searchbox", "combobox", "table") and not name
    ]
    assert named == [], "everything that can be used has a name"
    assert ("table", "Every PC of this run, its verdict and what to do next") in roles
    assert sum(role == "rowheader" for role, _ in roles) >= 9
    assert sum(role == "columnheader" for role, _ in roles) >= (5 if width > 700 else 0)
    headings = page.js("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
    identifiers = page.js("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(identifiers) == len(set(identifiers))
    assert page.js("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [320, 768, 980, 1280])
def test_the_page_of_a_lab_shows_trend_and_what_changed(browser: Chromium, tmp_path: Path, width: int) -> None:
    browser.scripts(True)
    browser.width(width)
    browser.media()
    browser.open(lab_page(tmp_path))
    assert browser.js("document.documentElement.scrollWidth") <= width
    hidden = "(e => e.scrollWidth - e.clientWidth)(document.querySelector('.scroll'))"
    assert browser.js(hidden) <= 0, "the next step is not beyond an edge"
    places = ", ".join(f"document.querySelector('{s}')" for s in (".counts", ".trend", "#since", "#causes", "#pcs"))
    tops = browser.js(f"[{places}].map(e => e.getBoundingClientRect().top)")
    assert tops == sorted(tops)
    shown = browser.js("document.querySelector('[aria-labelledby=since]').innerText")
    assert (
        "The run of 22 November 2026, 08:30 UTC. Compared are 8 of 9 PCs: of the others the run says nothing." in shown
    )
    assert "1 ready no more: pc06\n\nwas READY TRAINED, is STALE " in shown
    assert "1 no more in the inventory: old" in shown
    assert (
        browser.js("[...document.querySelectorAll('.trend polyline')].map(l => getComputedStyle(l).fill)")
        == ["none"] * 2
    )
    browser.call("Accessibility.enable")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    told = [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")]
    assert ("image", "PCs ready after each run, the oldest first: 4 of 10, 2 of 9") in told
    assert browser.js(CONTRAST) == []


def test_a_stack_at_its_end_is_found_by_its_word_and_leads_to_what_that_costs(
    browser: Chromium, tmp_path: Path
) -> None:
    records = every_state()
    words = "tensorflow-directml-plugin is discontinued: no fixes any more"
    records[1]["plan"] |= {"life": "discontinued", "warnings": [words]}
    path = tmp_path / "ends.html"
    path.write_text(report_html.page(document(records)), encoding="utf-8")
    browser.scripts(True)
    browser.width(390)
    browser.open(path, "#find=discontinued")
    assert browser.js(NAMES) == ["pc02"]
    browser.click("#table a[href='#end0']")
    assert browser.js("document.activeElement.id") == "end0"
    assert browser.js("document.activeElement.innerText").endswith(words)
    assert browser.js(NAMES) == ["pc02"], "the filter stays"
    assert browser.js(CONTRAST) == []


def test_a_room_or_a_group_is_chosen_and_stands_in_the_address(browser: Chromium, tmp_path: Path) -> None:
    records = every_state()
    for number, record in enumerate(records):
        record["place"] = {"room": f"Lab {number % 3 + 9} & Söhne", "groups": ["new"] if number < 4 else ["old"]}
    path = tmp_path / "rooms.html"
    path.write_text(report_html.page(document(records)), encoding="utf-8")
    browser.scripts(True)
    browser.width(1280)
    browser.open(path, "#room=" + quote("Lab 10 & Söhne"))
    assert browser.js(NAMES) == ["pc10", "pc05", "pc02"]
    browser.js(
        "{ const s = document.getElementById('place'); s.value = 'group=new'; s.dispatchEvent(new Event('change')) }"
    )
    assert browser.js("location.hash") == "#group=new"
    assert browser.js(NAMES) == ["pc03", "pc04", "pc02", "pc01"]
    browser.js(
        "{ const s = document.getElementById('state'); s.value = 'READY'; s.dispatchEvent(new Event('change')) }"
    )
    assert (browser.js("location.hash"), browser.js(NAMES)) == ("#verdict=ready&group=new", ["pc01"])
    browser.open(path, "#room=nowhere")
    assert browser.js("document.getElementById('shown').textContent") == "9 of 9 shown"
    for width in (320, 768):
        browser.width(width)
        assert browser.js("document.documentElement.scrollWidth") <= width
    assert browser.js(CONTRAST) == []
    browser.width(1280)  # where the PCs are a table
    browser.click("th[data-sort=place] button")
    assert browser.js("document.querySelector('#table tbody td').textContent") == "Lab 9 & Söhnenew"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing(browser: Chromium, tmp_path: Path, width: int, scheme: str) -> None:
    """Deque's axe, a package of the tests alone."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    found = ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ').slice(0, 500)))"
    browser.scripts(True)
    browser.width(width)
    browser.media(scheme=scheme)
    browser.open(lab_page(tmp_path))
    browser.click("#open")
    browser.js(f"{axe}; 0")
    assert browser.js(f"axe.run(){found}") == []
    browser.js("document.querySelector('#find').parentElement.replaceWith(document.querySelector('#find'))")
    assert len(browser.js(f"axe.run({{runOnly: ['label']}}){found}")) == 1, "axe does look"


def test_on_paper_there_are_no_controls_and_all_details(page: Chromium) -> None:
    page.media("print")
    assert page.js("document.getElementById('filter').checkVisibility()") is False
    assert page.js("document.querySelector('.skip').checkVisibility()") is False
    assert page.js("document.querySelector('#pc2 dl').getBoundingClientRect().height") > 20
    page.media()


def test_300_pcs_take_about_15_sheets_of_paper(browser: Chromium, tmp_path: Path) -> None:
    states = every_state()
    records = [
        {
            **states[number % len(states) if number % 4 == 0 else 0],
            "host": f"lab{number // 30:02}-pc{number % 30:02}",
            "place": {"room": f"Lab {number // 30}", "groups": []},
        }
        for number in range(300)
    ]
    path = tmp_path / "many.html"
    path.write_text(report_html.page(document(records)), encoding="utf-8")
    browser.scripts(True)
    browser.width(718)  # A4 without its margins
    browser.media("print")
    browser.open(path)
    assert browser.sheets() <= 16
    assert browser.js(SEEN) == 300
    assert browser.js("document.querySelector('#table thead').checkVisibility()"), "a table, not the cards of a phone"
    assert browser.js("document.documentElement.scrollWidth") <= 718
    assert browser.js("document.querySelector('.paper').checkVisibility()")
    assert not browser.js("document.getElementById('pc1').checkVisibility()")
    browser.js("document.getElementById('pc1').open = true")
    assert browser.js("document.querySelector('#pc1 dl').getBoundingClientRect().height") > 20
    browser.media()
    assert not browser.js("document.querySelector('.paper').checkVisibility()")


def test_nothing_hostile_runs_or_is_fetched(browser: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(
        report_html.page(document(hostile(), controller=HOSTILE[0], id=HOSTILE[1], playbook=HOSTILE[2])),
        encoding="utf-8",
    )
    browser.scripts(True)
    browser.open(path)
    browser.click("#open")
    assert browser.js("window.hacked === undefined")
    assert browser.js("document.querySelectorAll('script, style').length") == 2
    foreign = "img, svg:not(figure > svg[role=img]), iframe, object, embed, link, [onerror], [onload]"
    assert browser.js(f"document.querySelectorAll('{foreign}').length") == 0
    ours = r"/^(#pc\d+|#pc=[^&]+|#verdict=[a-z-]+|#pcs|#plan\d+|#end\d+|codes\.md(#[a-z0-9_]+)?)$/"
    assert browser.js(f"[...document.links].every(a => {ours}.test(a.getAttribute('href')))")
    assert browser.js("document.querySelectorAll('#table tbody tr').length") == len(HOSTILE)
    shown = browser.js("document.querySelector('#table tbody').textContent")
    assert "<script>window.hacked = true</script>" in shown
    asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "about:"))] == []
    logged = [e["params"]["entry"]["text"] for e in browser.events if e.get("method") == "Log.entryAdded"]
    assert logged == []


def test_a_simulated_report_says_so_at_once(browser: Chromium, tmp_path: Path) -> None:
    records = every_state()
    for record in records:
        record["simulated"] = True
    path = tmp_path / "simulated.html"
    path.write_text(report_html.page(document(records, simulated=True, check=True)), encoding="utf-8")
    browser.open(path)
    assert browser.js("document.title") == "GPU readiness (simulated)"
    banners = browser.js("[...document.querySelectorAll('.banner')].map(b => b.textContent)")
    assert banners == [
        "Simulated. These PCs are simulated: no real GPU was looked at, and no real GPU trained.",
        "Check. Nothing was changed and nothing was trained in this run.",
    ]
    assert browser.js("document.querySelector('.banner').getBoundingClientRect().top < 400")
    assert browser.js("document.querySelectorAll('.tag').length") == 9


def test_a_thousand_pcs_are_filtered_and_sorted_quickly(browser: Chromium, tmp_path: Path) -> None:
    states = every_state()
    records = [{**states[number % len(states)], "host": f"pc{number}"} for number in range(1000)]
    path = tmp_path / "many.html"
    path.write_text(report_html.page(document(records)), encoding="utf-8")
    browser.open(path)
    took = browser.js(
        "(() => { const t = performance.now(); document.querySelector('th[data-sort=state] button').click();"
        " const f = document.getElementById('find'); f.value = 'pc99'; f.dispatchEvent(new Event('input'));"
        " return performance.now() - t; })()"
    )
    assert took < 2000
    assert sorted(browser.js(NAMES)) == sorted(["pc99", *(f"pc99{n}" for n in range(10))])

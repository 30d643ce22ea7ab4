"""HTML, Markdown, CSV, JUnit and Prometheus: complete, well-formed, and nothing hostile gets through."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.gpuready.lab.plugins.plugin_utils.record import STATES, fit
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import causes, renderings
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import document as report
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import html as report_html
from ansible_collections.gpuready.lab.plugins.plugin_utils.report import text as report_text
from documents import HOSTILE, document, every_state, hostile, named
from records import good

VOID = ("meta", "input", "br", "img", "link", "hr")
ALL = (report_html.page, report_text.markdown, report_text.table, report_text.junit, report_text.prometheus)


class Elements(HTMLParser):
    """Every element with its attributes, and whether each is closed in its place."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.words.append(data)


def page_of(records: list[dict[str, Any]], **run: Any) -> Elements:
    return Elements(report_html.page(document(records, **run)))


def test_the_page_tells_all_there_is_to_tell() -> None:
    words = " ".join(" ".join(page_of(every_state()).words).split())
    for told in (
        "2 of 9 PCs ready (1 of them degraded)",
        "23 November 2026, 08:30 UTC, took 10 min",
        "EVIDENCE_INCOMPLETE",
        "Next: Switch the PC on",
        "ratio 0.55, bound 1",
        "Why this stack TensorFlow 2 was asked for",
        "cuda on wsl: it needs an NVIDIA GPU",
        "DirectML is at the end of its life",
        "PORT_CLOSED: winrm: Connection refused (look, Look)",
        "In the words of what failed its own words",
        "the GPU's driver changed from 31.0.24002.92 to 31.0.24027.1012",
        r"How a student starts it C:\ProgramData\gpuready\bin\tensorflow-directml-plugin.cmd",
        "In every user's Jupyter TensorFlow 2.10 (tensorflow-directml-plugin) - gpuready",
        "AMD Radeon RX 6800: 16.0 GiB, driver 24.6.1, ok",
        "controller controller.lab.example",
    ):
        assert told in words, told


def test_the_page_needs_nothing_but_itself() -> None:
    page = report_html.page(document(every_state()))
    elements = Elements(page)
    assert not {tag for tag, _ in elements.found} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "audio",
        "video",
    }
    for tag, attributes in elements.found:
        assert not {"src", "action", "onclick", "onload", "onerror", "style"} & set(attributes), tag
        assert (attributes.get("href") or "#").startswith("#") or attributes["href"] == "codes.md"  # beside it
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?:", report_html.asset("page.css") + report_html.asset("page.js"))


def test_the_page_is_laid_out_for_everybody() -> None:
    elements = page_of(every_state())
    tags = [tag for tag, _ in elements.found]
    assert tags.count("h1") == tags.count("main") == tags.count("header") == tags.count("footer") == 1
    assert tags.count("caption") == tags.count("table")
    assert all(attributes.get("scope") for tag, attributes in elements.found if tag == "th")
    assert dict(elements.found)["html"] == {"lang": "en"}
    identifiers = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    targets = [attributes["href"] for tag, attributes in elements.found if tag == "a"]
    targets.remove("codes.md")
    assert all((target or "")[1:] in identifiers for target in targets if "=" not in (target or ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_markup(text: str) -> None:
    records = [record for record in hostile() if record["host"] == text]
    calm = [named("calm", record) for record in hostile()[-1:]]
    ours, theirs = (page_of(found, controller=found[0]["host"], id=found[0]["host"]) for found in (records, calm))
    # The same elements and attributes, whatever the words: the words are nothing but words.
    shape = [(tag, sorted(attributes)) for tag, attributes in ours.found]
    assert shape == [(tag, sorted(attributes)) for tag, attributes in theirs.found]


@pytest.mark.parametrize("render", ALL)
def test_every_rendering_can_be_written_whatever_the_words(render: Any) -> None:
    for simulated in (False, True):
        for records in ([], every_state(), hostile()):
            found = render(document(records, simulated=simulated))
            assert found.encode("utf-8", "strict")
            assert found.endswith("\n")


@pytest.mark.parametrize("render", ALL)
def test_every_rendering_bears_garbled_sections(render: Any) -> None:
    source = random.Random(5)
    pool: list[Any] = [None, [], {}, "x", -1, float("nan"), True, [[]], [None], {"a": 1}, 10**400]

    def garble(value: Any) -> Any:
        if source.random() < 0.12:
            return source.choice(pool)
        if isinstance(value, dict):
            return {key: garble(inner) for key, inner in value.items()}
        return [garble(inner) for inner in value] if isinstance(value, list) else value

    for _ in range(150):
        record = {
            **good(),
            "facts": garble(good()["facts"]),
            "plan": garble(good()["plan"]),
            "apply": garble({"environment": {"start": "s"}}),
        }
        record["training"] = garble(good()["training"])
        assert render(document([fit(record, "pc1")]))


def test_markdown_has_a_row_a_pc_and_the_next_steps() -> None:
    found = report_text.markdown(document(every_state()))
    rows = [line for line in found.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 9
    assert "| pc01 | READY | TRAINED | tensorflow-directml-plugin (windows) | AMD Radeon RX 6800 |" in found
    assert "- **pc06** (1, STALE, PASS\\_STALE): it passed" in found
    assert "**Simulated.**" not in found


def test_markdown_says_simulated_and_check() -> None:
    found = report_text.markdown(document(every_state(), simulated=True, check=True))
    assert "**Simulated.** These PCs are simulated: no real GPU" in found
    assert "**Check.** Nothing was changed" in found


def test_no_word_becomes_markdown() -> None:
    found = report_text.markdown(document(hostile()))
    rows = [line for line in found.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(HOSTILE), "no word breaks a line"
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6, "no word makes a cell"
    assert not re.search(r"(?<!\\)[<`\[]", "".join(rows))


def test_csv_has_a_line_a_pc() -> None:
    rows = list(csv.DictReader(io.StringIO(report_text.table(document(every_state())))))
    assert [row["host"] for row in rows][:2] == ["pc01", "pc02"]
    assert (rows[2]["state"], rows[2]["code"]) == ("NOT_READY", "BASIC_DRIVER")
    assert rows[2]["next_step"].startswith("Install the driver")
    assert rows[0]["reused"] == rows[0]["simulated"] == "false"


def test_no_cell_of_the_csv_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(report_text.table(document(hostile())))))
    assert {len(row) for row in rows} == {len(report_text.COLUMNS)}
    for cell in (cell for row in rows for cell in row):
        assert cell[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"), cell


def test_no_cell_is_a_formula_where_a_spreadsheet_splits_at_a_semicolon() -> None:
    for harm in ('x;=HYPERLINK("http://evil.example")', "x; +1+1", 'x;"=1+1"', ";@SUM(1)", "x;\t-2+3"):
        record = every_state()[2]
        record["plan"]["blockers"][0] |= {"cause": harm, "next_step": harm}
        record["host"] = record["plan"]["adapter"]["name"] = harm
        text = report_text.table(document([record]))
        for split in (",", ";", "\t"):
            for cell in (cell for line in csv.reader(io.StringIO(text), delimiter=split) for cell in line):
                assert cell.strip(" \"'")[:1] not in ("=", "+", "-", "@") or cell.startswith("'"), (split, cell)


def test_a_run_that_judges_nobody_says_so_in_every_format() -> None:
    looked, blocked, off = (every_state()[number] for number in (0, 2, 4))
    for part in ("plan", "apply", "training"):
        looked.pop(part, None)
    found = document([looked, blocked, off], verdicts=False)
    page = " ".join(" ".join(Elements(report_html.page(found)).words).split())
    assert "2 of 3 PCs looked at, none judged; 1 not ready, 1 unreachable." in page
    assert "No verdict." in page
    assert "ready; " not in page
    assert "| pc01 | LOOKED\\_AT |" in report_text.markdown(found)
    assert next(csv.DictReader(io.StringIO(report_text.table(found))))["state"] == "LOOKED_AT"
    suite = ElementTree.fromstring(report_text.junit(found))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == tuple("3111")
    assert "gpuready_verdict" not in report_text.prometheus(found)
    assert "gpuready_hosts" not in report_text.prometheus(found)
    assert "gpuready_run_seconds 600.0" in report_text.prometheus(found)


def test_the_state_of_a_lab_says_when_each_pc_was_judged() -> None:
    records = every_state()[:2]
    newest = {"run": "r1", "at": "2026-11-20T08:00:00+00:00", "playbook": "verify", "folder": "f", "history": []}
    records[0]["newest"] = newest
    found = {**document(records), "lab": {"inventory": ["hosts.yml"]}}
    page = " ".join(" ".join(Elements(report_html.page(found)).words).split())
    assert "20 November 2026, 08:00 UTC, 3 days before" in page
    assert "Every PC of the lab, its newest verdict" in page
    assert "| 2026-11-20T08:00:00+00:00 |" in report_text.markdown(found)
    rows = list(csv.DictReader(io.StringIO(report_text.table(found))))
    assert [(row["run"], row["judged_at"]) for row in rows] == [("r1", newest["at"]), ("", "")]
    lines = report_text.prometheus(found).splitlines()
    assert 'gpuready_verdict_timestamp_seconds{host="pc01"} 1795161600' in lines


def test_300_pcs_of_three_causes_are_told_in_a_few_lines_in_every_format() -> None:
    blocked, off = every_state()[2], every_state()[4]
    records = [named(f"pc{number:03}", blocked if number < 100 else off) for number in range(1, 300)]
    records += [named("pc300", {**off, "troubles": [{**off["troubles"][0], "message": "winrm: No route"}]})]
    for record in records[:100]:
        record["apply"] = {"changed": True}
    found = document(records)
    lines = report.summary_lines(found)
    assert len(lines) < 15
    assert "UNREACHABLE PORT_CLOSED, 201 PCs: pc100 to pc300" in lines
    assert "NOT_READY BASIC_DRIVER, 99 PCs: pc001 to pc099" in lines
    assert sum("Connection refused" in line for line in lines) == sum("No route" in line for line in lines) == 1
    assert lines[-2] == "Changed: 100 (pc001 to pc100). Took 600.0 s."
    assert lines[-1] == "0 of 300 PCs ready; 99 NOT_READY, 201 UNREACHABLE."
    steps = report_text.markdown(found).partition("## Next steps")[2].partition("\n## ")[0]
    assert [line.partition(" (")[0] for line in steps.split("\n") if line.startswith("- ")] == [
        "- **pc100 to pc300**",
        "- **pc001 to pc099**",
    ]
    page = " ".join(" ".join(Elements(report_html.page(found)).words).split())
    assert "201 PCs unreachable PORT_CLOSED pc100 to pc300" in page
    assert 'gpuready_causes{state="UNREACHABLE",code="PORT_CLOSED"} 201' in report_text.prometheus(found)
    properties = ElementTree.fromstring(report_text.junit(found)).findall("properties/property")
    assert [one.get("name") for one in properties] == ["UNREACHABLE PORT_CLOSED", "NOT_READY BASIC_DRIVER"]
    assert {row["pcs_alike"] for row in csv.DictReader(io.StringIO(report_text.table(found)))} == {"201", "99"}


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["pc1"], "pc1"),
        (["pc1", "pc2"], "pc1, pc2"),
        (["pc8", "pc9", "pc10", "x"], "pc8 to pc10, x"),
        (["a09.lab", "a10.lab", "a11.lab", "b12.lab"], "a09.lab to a11.lab, b12.lab"),
        (["pc1", "pc3", "pc5", "no"], "pc1, pc3, pc5, no"),
        ([f"pc{number}" for number in range(0, 60, 2)], ", ".join(f"pc{n}" for n in range(0, 24, 2)) + " and 18 more"),
        (["pc" + "9" * 5000, "pc1"], "pc" + "9" * 5000 + ", pc1"),
    ],
)
def test_names_in_few_words(names: list[str], words: str) -> None:
    assert causes.named(names) == words


def test_junit_has_a_case_a_pc() -> None:
    suite = ElementTree.fromstring(report_text.junit(document(every_state())))
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "9",
        "3",
        "3",
        "1",
    )
    kinds = {case.get("name"): [inner.tag for inner in case] for case in suite}
    assert kinds["pc01"] == kinds["pc02"] == []
    assert kinds["pc03"] == kinds["pc06"] == ["failure"]
    assert kinds["pc04"] == kinds["pc05"] == ["error"]
    assert kinds["pc07"] == ["skipped"]
    failure = suite.find("testcase[@name='pc03']/failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("BASIC_DRIVER: ")


def test_junit_is_well_formed_whatever_the_words() -> None:
    suite = ElementTree.fromstring(report_text.junit(document(hostile())))
    assert len(suite) == len(HOSTILE)


def test_prometheus_has_a_series_a_pc_and_a_state() -> None:
    lines = report_text.prometheus(document(every_state())).splitlines()
    assert 'gpuready_verdict{host="pc03",state="NOT_READY",simulated="false"} 1' in lines
    assert 'gpuready_verdict{host="pc03",state="READY",simulated="false"} 0' in lines
    assert 'gpuready_hosts{state="UNKNOWN"} 2' in lines
    assert "gpuready_run_seconds 600.0" in lines
    assert "gpuready_run_timestamp_seconds 1795422600" in lines


def test_prometheus_is_well_formed_whatever_the_words() -> None:
    series = set()
    line_form = re.compile(r'(gpuready_\w+)(\{(\w+="(?:[^"\\\n]|\\["\\n])*",?)+\})? [0-9.e+]+')
    for line in report_text.prometheus(document([*hostile(), *hostile()])).splitlines():
        if line.startswith("# "):
            continue
        assert line_form.fullmatch(line), line
        assert line.rsplit(" ", 1)[0] not in series, "no series comes twice"
        series.add(line.rsplit(" ", 1)[0])
    assert len(series) > 2 * len(HOSTILE) * len(STATES)


def test_the_files_of_a_report() -> None:
    found = document(every_state())
    files = renderings.files(found, ["md", "prom"])
    assert list(files) == ["report.md", "metrics.prom", "codes.md", "report.json"]  # the document last
    written = json.loads(files["report.json"])
    assert written == json.loads(json.dumps(found))
    assert set(renderings.not_among(files)) == {"report.html", "report.csv", "junit.xml"}
    assert renderings.not_among(renderings.files(found, renderings.RENDERINGS)) == ()
    assert set(renderings.NAMES) == set(renderings.files(found, renderings.RENDERINGS)), "all can be pruned"


def test_the_report_of_a_thousand_pcs_says_a_fact_once() -> None:
    record = good()
    record["plan"] |= {
        "reasons": ["r" * 400],
        "rejected": [{"stack": "cuda", "target": "wsl", "reasons": ["w" * 2000]}],
    }
    record["plan"]["environment"] = {"python": "3.10", "licence": "l" * 1000}
    other = named("other", {**record, "plan": {**record["plan"], "reasons": ["of its own"]}})
    found = document([*(named(f"pc{number:04}", record) for number in range(1000)), other])
    text = renderings.files(found, [])["report.json"]
    assert (text.count("r" * 400), text.count("l" * 1000)) == (1, 2)
    assert sum(line.startswith('  {"schema_version":1,"host":"') for line in text.splitlines()) == 1001, "a line a PC"
    written = json.loads(text)
    assert [part["reasons"] for part in written["shared"]] == [["of its own"], ["r" * 400]]
    assert [one["plan"]["shared"] for one in written["hosts"]] == [0, *[1] * 1000]
    assert len(text) < 10e6
    page = report_html.page(found)
    assert page.count("r" * 400) == page.count("of its own") == 1
    assert len(page) < 5e6


def test_the_page_leads_from_each_pc_to_the_plan_that_it_shares() -> None:
    alike, alone = every_state()[0], every_state()[2]
    elements = page_of([named("pc1", alike), named("pc2", alike), named("pc3", alone)])
    links = [attributes.get("href") for tag, attributes in elements.found if tag == "a"]
    assert links.count("#plan0") == 2
    assert ("h3", {"id": "plan0", "tabindex": "-1"}) in elements.found
    words = " ".join(" ".join(elements.words).split())
    assert (
        "Plans tensorflow-directml-plugin (windows) 2 PCs: pc1, pc2 Why this stack TensorFlow 2 was asked for" in words
    )
    assert words.count("TensorFlow 2 was asked for") == 2, "once for both, and once where it is of one PC alone"
    assert "#plan0" not in [attributes.get("href") for _, attributes in page_of([alike, alone]).found]
    assert "Plans" not in page_of([alike, alone]).words

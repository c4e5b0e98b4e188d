"""The JUnit file and the page: what they must hold, and that a console cannot break them."""

import time
import xml.etree.ElementTree as ET

import pytest

from tools.errors import Failed
from tools.rig import figures, junit, page, plan, record, trace
from tools.rig.record import Mark, Record, Result
from tools.simulator.flash import ERASE, PROGRAM

PLAN = plan.Plan("small", (plan.step("update"), plan.step("cuts", count=2), plan.step("trace")))


def told():
    one = Record("desk", 77, time.monotonic())
    one.marks = [
        Mark(0.0, record.POWER_ON, "power on"),
        Mark(0.5, record.EVENT, "boot slot=A"),
        Mark(1.0, record.CUT, "cut 1"),
        Mark(1.2, record.POWER_ON, "power on"),
        Mark(2.0, record.CUT, "cut 2"),
        Mark(2.1, record.EVENT, "rejected text=<b>&\x01"),
    ]
    one.results = [
        Result("update", 0.0, record.PASSED, 1.0, {"bytes": 33954}),
        Result("cuts, count 2", 1.0, record.FAILED, 1.5, {}, "went <wrong>", "said & \x02 <pre>"),
        Result("trace, cuts 4", 2.5, record.SKIPPED, 0.1, {}, "no trace here"),
    ]
    one.frames = [("to the device", "Image Block Response", 500, 40000)]
    return one


def test_the_junit_file(tmp_path):
    broken = Record("shelf", 77, time.monotonic())
    broken.trouble = "the port does not open"
    junit.write(PLAN, [told(), broken], tmp_path / "junit.xml")
    suites = ET.parse(tmp_path / "junit.xml").getroot()
    desk, shelf = suites
    assert (desk.get("name"), desk.get("tests"), desk.get("failures"), desk.get("skipped")) == (
        *("desk", "3", "1", "1"),
    )
    properties = {one.get("name"): one.get("value") for one in desk.find("properties")}
    assert properties == {"seed": "77", "power cuts": "2"}
    cases = desk.findall("testcase")
    assert [case.get("name") for case in cases] == ["update", "cuts, count 2", "trace, cuts 4"]
    assert cases[0].find("properties/property").attrib == {"name": "bytes", "value": "33954"}
    assert cases[1].find("failure").get("message") == "went <wrong>"
    assert "seed 77" in cases[1].find("failure").text
    assert "said &" in cases[1].find("system-out").text
    assert cases[2].find("skipped").get("message") == "no trace here"
    assert shelf.get("errors") == "1"
    assert shelf.find("testcase/error").get("message") == "the port does not open"
    assert not broken.passed and not told().passed


def test_the_page_is_whole_and_holds_cuts_seed_and_log(tmp_path):
    page.write(PLAN, [told()], tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.count("class='cut'") == 2
    assert text.count("class='event'") == 2
    assert "hanota rig run small --bench desk --seed 77" in text
    assert (
        "said &amp;" in text
        and "went &lt;wrong&gt;" in text
        and "<b>" not in text.split("</h1>")[1][3:].replace("<b>0 of 1 benches passed</b>", "")
    )
    assert "Image Block Response" in text and "40000" in text
    picture = text[text.index("<svg") : text.index("</svg>") + len("</svg>")]
    assert ET.fromstring(picture).tag.endswith("svg")
    for outside in ("<script", "<link", "src=", "@import"):
        assert outside not in text


def passed():
    one = told()
    one.results = [
        Result("update", 0.0, record.PASSED, 1.4, {"bytes": 33954, "bytes fetched twice": 0}),
        Result("cuts, count 2", 1.0, record.PASSED, 61.0, {"cuts": 2, "test_a.test_b": "0.1 s"}),
    ]
    return one


def test_the_figures_of_a_run(tmp_path, capsys):
    path = tmp_path / "junit.xml"
    junit.write(PLAN, [passed()], path)
    rows = figures.table(path).splitlines()[2:]
    assert rows == [
        "| desk | update | 1 | bytes: 33954; bytes fetched twice: 0 |",
        "| desk | cuts, count 2 | 61 | cuts: 2 |",
        "| desk | in all | 62 | seed 77 |",
    ]
    before = f"a\n{figures.BEGIN}\nold\n\n{figures.END}z\n"
    assert figures.written(before, "new\n") == f"a\n{figures.BEGIN}\nnew\n\n{figures.END}z\n"
    with pytest.raises(ValueError, match="no lines"):
        figures.written("no place", "new\n")
    assert figures.main([str(path)]) == 0 and "33954" in capsys.readouterr().out
    # A run that failed or left something out has none.
    junit.write(PLAN, [told()], path)
    assert figures.main([str(path)]) == 1 and "cuts, count 2: failure" in capsys.readouterr().err
    assert figures.main([str(tmp_path / "none.xml")]) == 1
    assert figures.main(["--what"]) == 2


def test_the_page_s_figures_are_the_long_plan_s():
    _, begin, rest = figures.PAGE.read_text().partition(figures.BEGIN)
    rows = rest.partition(figures.END)[0].strip().splitlines()[2:]
    assert begin and [row.split(" | ")[1] for row in rows] == [
        *[one.title for one in plan.LONG.steps],
        "in all",
    ]


def outcome(trace_of, at_cut=b"", end=b"same"):
    return trace.Outcome(trace_of, at_cut, end)


ENTRIES = [(ERASE, 0x1000, 4096), (PROGRAM, 0x1000, 64), (PROGRAM, 0x1040, 64)]


@pytest.mark.parametrize(
    ("board", "simulated", "what"),
    [
        (outcome(ENTRIES[:2]), outcome(ENTRIES), "2 operations on the board, 3 simulated"),
        (outcome([*ENTRIES[:2], (PROGRAM, 0x1050, 64)]), outcome(ENTRIES), "operation 3 is program 0x001050"),
        (outcome([(PROGRAM, 0x1000, 4096)]), outcome(ENTRIES[:1]), "operation 1 is program"),
        (
            outcome(ENTRIES, b"ab", b"x"),
            outcome(ENTRIES, b"ac", b"x"),
            "at the cut the flash differs from byte 0x1",
        ),
        (
            outcome(ENTRIES, b"", b"xy"),
            outcome(ENTRIES, b"", b"xz"),
            "in the end the flash differs from byte 0x1",
        ),
    ],
)
def test_traces_that_differ_are_told_apart(board, simulated, what):
    trace._compare(outcome(ENTRIES), outcome(ENTRIES), "equal")
    with pytest.raises(Failed, match=what):
        trace._compare(board, simulated, "they")

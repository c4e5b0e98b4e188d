"""A run as a JUnit file, which every CI reads: a suite for each bench, a case for each step."""

import xml.etree.ElementTree as ET
from pathlib import Path

from tools import files
from tools.rig import record
from tools.rig.plan import Plan
from tools.rig.record import Record, clean


def write(plan: Plan, records: list[Record], path: Path) -> None:
    """Write the file."""
    suites = ET.Element("testsuites", name=f"hanota rig: {plan.name}")
    for told in records:
        suites.append(_suite(plan, told))
    ET.indent(suites)
    files.write(path, ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _suite(plan: Plan, told: Record) -> ET.Element:
    results = told.results
    suite = ET.Element(
        "testsuite",
        name=told.bench,
        tests=str(len(plan.steps)),
        failures=str(len(told.failures)),
        errors=str(int(bool(told.trouble))),
        skipped=str(sum(result.outcome == record.SKIPPED for result in results)),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    properties = ET.SubElement(suite, "properties")
    ET.SubElement(properties, "property", name="seed", value=str(told.seed))
    ET.SubElement(properties, "property", name="power cuts", value=str(told.cuts()))
    for result in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{plan.name}.{told.bench}",
            name=result.title,
            time=f"{result.seconds:.3f}",
        )
        if result.figures:
            figures = ET.SubElement(case, "properties")
            for name, value in result.figures.items():
                ET.SubElement(figures, "property", name=clean(name), value=clean(str(value)))
        if result.outcome == record.SKIPPED:
            ET.SubElement(case, "skipped", message=clean(result.text))
        elif result.outcome == record.FAILED:
            failure = ET.SubElement(case, "failure", message=clean(result.text))
            failure.text = clean(f"seed {told.seed}\n{result.text}")
            ET.SubElement(case, "system-out").text = clean(result.log)
    if told.trouble:
        case = ET.SubElement(
            suite, "testcase", classname=f"{plan.name}.{told.bench}", name="the bench", time="0"
        )
        ET.SubElement(case, "error", message=clean(told.trouble))
    return suite

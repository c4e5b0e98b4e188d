"""The hunt for one seeded bug by the power cuts on its stories and geometries."""

import sys

from tools import seeded_bugs
from tools.seeded_bugs import CAUGHT, Bug, Patched
from tools.simulator.bugs import BUGS


def hunt(bug: Bug, without: str = "") -> tuple[Bug, str | None]:
    """The bug, and the first failure that it caused; None if nothing noticed it. without: a rule of the
    oracle that is not judged by."""
    return seeded_bugs.hunt("tools.simulator.seeded", bug, without)


def main() -> None:
    """``python -m tools.simulator.seeded NAME [RULE]``: exit code 3 and the failure if caught, 0 if not;
    RULE is not judged by."""
    (bug,) = [bug for bug in BUGS if bug.name == sys.argv[1]]
    sys.meta_path.insert(0, Patched(bug))
    from tools.simulator import oracle, stories
    from tools.simulator.explorer import EACH, EVERY, Explorer

    rules = oracle.RULES - set(sys.argv[2:])
    shares = (EVERY, EACH)[: bug.depth]
    for story in bug.stories.split():
        for geometry in bug.geometries.split():
            chosen = stories.STORIES[story], stories.GEOMETRIES[geometry]
            for failure in Explorer(*chosen, 0, shares, rules=rules).explore().failures:
                print(f"{failure.rule}: {failure.text}: {failure.replay}")
                raise SystemExit(CAUGHT)


if __name__ == "__main__":
    main()

"""Files that are nearly right: each gives a result or a typed error, in bounded time and memory, and ends no process.

The cases are made from their numbers, and so are the same in each run. `--fuzz-rounds 100000` tries more of them.
"""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import pytest

WORKER = Path(__file__).with_name("worker.py")

MOST_SECONDS = 2.0
"""Of CPU time, which other programs on the machine do not lengthen."""

ENOUGH = 20
"""Cases that go wrong, after which no more are tried: each may end its process, and begin another one."""

MOST_BYTES = 500 * 10**6

PATIENCE = 120.0
"""Seconds for one case, and for a process to begin: one that hangs hangs for ever."""


# Where a process is told how much memory it has held.
TELLS_MEMORY = sys.platform in ("linux", "darwin")


@dataclass(frozen=True)
class Outcome:
    """How a case went: "result", the name of its error, "!" before one of no type of ours, or how its process ended."""

    number: int
    ended: str
    seconds: float = 0.0
    memory: int = 0

    @property
    def wrong(self) -> bool:
        """Whether that may not be."""
        return not self.ended.isidentifier() or self.seconds > MOST_SECONDS or self.memory > MOST_BYTES


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """The outcomes of `mistakes.py`, which makes each kind of mistake once."""
    return list(run_cases("mistakes", 8, tmp_path_factory.mktemp("mistakes") / "errors.txt"))


@pytest.mark.parametrize("kind", ["images", "contracts", "models"])
def test_every_changed_file_gives_a_result_or_a_typed_error(
    kind: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    rounds = pytestconfig.getoption("--fuzz-rounds")
    errors = tmp_path / "errors.txt"
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    for outcome in run_cases(kind, rounds, errors):
        ends[outcome.ended] += 1
        if outcome.wrong:
            wrong.append(f"{outcome}; alone: python {WORKER} {kind} {outcome.number}")
        if len(wrong) == ENOUGH:
            break
    assert not wrong, "\n".join([*wrong, errors.read_text(encoding="utf-8", errors="replace")[-3000:]])
    assert ends.total() == rounds
    # Else nothing was changed, or nothing got as far as the code that is tested.
    assert "result" in ends
    assert len(ends) > 2


@pytest.mark.parametrize(
    ("number", "ended"),
    [(0, "result"), (1, "!ValueError"), (2, "!KeyboardInterrupt"), (3, "UsageError"), (5, "result")],
)
def test_what_goes_wrong_is_seen(number: int, ended: str, mistakes: list[Outcome]) -> None:
    assert {outcome.number: outcome.ended for outcome in mistakes}[number] == ended


def test_a_process_that_ends_and_what_takes_long_or_much_is_seen(mistakes: list[Outcome]) -> None:
    outcomes = {outcome.number: outcome for outcome in mistakes}
    wrong = [number for number, outcome in outcomes.items() if outcome.wrong]
    assert wrong == ([1, 2, 4, 6, 7] if TELLS_MEMORY else [1, 2, 4, 6])
    assert outcomes[4].ended == "the process ended with 77"
    assert outcomes[6].seconds > MOST_SECONDS


def run_cases(kind: str, end: int, errors: Path) -> Iterator[Outcome]:
    """The outcomes of the cases 0 to `end`, in order. Behind one that ends its process or hangs, another goes on."""
    number = 0
    while number < end:
        for outcome in _run_process(kind, number, end, errors):
            yield outcome
            number = outcome.number + 1


def _run_process(kind: str, first: int, end: int, errors: Path) -> Iterator[Outcome]:
    """The outcomes of one process, at least one."""
    command = [sys.executable, str(WORKER), kind, str(first), str(end)]
    with errors.open("ab") as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
        )
    lines: Queue[str] = Queue()
    thread = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
    thread.start()
    number = first
    try:
        while line := lines.get(timeout=PATIENCE):
            match line.split():
                case ["begin", begun]:
                    number = int(begun)
                case ["end", ended, how, seconds, memory]:
                    yield Outcome(int(ended), how, float(seconds), int(memory))
                    number = int(ended) + 1
        code = process.wait(PATIENCE)
        if number < end:
            yield Outcome(number, f"the process ended with {code}")
    except (Empty, subprocess.TimeoutExpired):
        yield Outcome(number, f"no end after {PATIENCE:.0f} s")
    finally:
        process.kill()
        process.wait()
        thread.join()
        if process.stdout is not None:
            process.stdout.close()


def _read_lines(process: "subprocess.Popen[str]", lines: "Queue[str]") -> None:
    """Hand on what a process prints; an empty line at its end."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.strip() or " ")
    lines.put("")

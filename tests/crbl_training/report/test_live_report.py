"""live_report.py, report_file.py: a page that is whole at every moment, and that no work depends on."""

import math

import pytest

from crbl_runtime.errors import UnavailableError
from crbl_training.report.live_report import live_report
from crbl_training.report.pictures import Pictures
from filled_page import FilledPage


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "report.html"


def opened(path, notify=print):
    return live_report(path, {"kind": "run", "epochs": []}, Pictures(), notify)


def test_it_runs_until_it_has_finished(path):
    with opened(path) as report:
        assert not path.exists()
        report.update(epochs=[1])
        first = FilledPage.read(path).data
        report.update(epochs=[1, 2])
        second = FilledPage.read(path).data
        report.finish(result={"auroc": 0.5})
    last = FilledPage.read(path).data
    assert [each["status"] for each in (first, second, last)] == ["running", "running", "finished"]
    assert [each["epochs"] for each in (first, second, last)] == [[1], [1, 2], [1, 2]]
    assert (last["result"], last["reason"], last["schema"]) == ({"auroc": 0.5}, None, 1)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (KeyboardInterrupt(), None),
        (UnavailableError("No memory. Close other programs."), "No memory. Close other programs."),
        (ZeroDivisionError("by zero\nline 2"), "ZeroDivisionError: by zero"),
    ],
)
def test_what_ends_the_work_is_said_and_goes_on(path, end, reason):
    def work() -> None:
        with opened(path) as report:
            report.update(epochs=[1])
            raise end

    with pytest.raises(type(end)):
        work()
    assert [FilledPage.read(path).data[key] for key in ("status", "reason", "epochs")] == ["stopped", reason, [1]]


def test_work_that_ends_before_the_first_report_leaves_none(path):
    with pytest.raises(UnavailableError), opened(path):
        raise UnavailableError("No device.")
    assert not path.parent.exists()


def test_a_report_that_cannot_be_written_is_said_once_and_tried_again(path):
    said = []
    path.mkdir(parents=True)
    with opened(path, said.append) as report:
        report.update(epochs=[1])
        report.update(epochs=[1, 2])
        (message,) = said
        assert message.startswith(f"The report is not written, and all else goes on. {path} cannot be written (")
        assert report.file.to_dict() == {"file": "report.html", "problem": message.partition("goes on. ")[2]}
        path.rmdir()
        report.update(epochs=[1, 2, 3])
        assert report.file.to_dict() == {"file": "report.html", "problem": None}
    assert len(said) == 1
    assert FilledPage.read(path).data["epochs"] == [1, 2, 3]


def test_numbers_that_json_lacks_are_null(path):
    with opened(path) as report:
        report.update(epochs=({"loss": math.nan, "auroc": [math.inf, -math.inf, 1.5, 2, True, "NaN"]},))
    assert FilledPage.read(path).data["epochs"] == [{"loss": None, "auroc": [None, None, 1.5, 2, True, "NaN"]}]


def test_nothing_in_the_data_ends_the_element_that_holds_it(path):
    name = "</script><script>alert(1)</script><!-- \udcff \u2028"
    with opened(path) as report:
        report.update(epochs=[name])
    assert path.read_text(encoding="utf-8").count("</script>") == 3
    assert FilledPage.read(path).data["epochs"] == [name]

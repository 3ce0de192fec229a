"""Scoring with Ray Data, on a cluster of two workers of which one is killed."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crbl_runtime import Calibration, CombinedDetector, Detector
from crbl_runtime.errors import CRBLError, DataError, ModelFileError, OutputError, UnavailableError, UsageError
from crbl_runtime.ray import score, scored
from rewritten_model import rewritten
from small_model import small_model

if sys.platform == "win32":
    pytest.skip("Ray calls its Windows wheels a beta", allow_module_level=True)
ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")
pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem  # noqa: E402

from crbl_runtime.ray.keys import digests, not_among  # noqa: E402
from crbl_runtime.ray.location import Location  # noqa: E402
from crbl_runtime.ray.output import keep_only, scored_before, write_results  # noqa: E402

PROJECT = Path(__file__).parents[2]
ENVIRONMENT = {"RAY_DATA_DISABLE_PROGRESS_BARS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Ray with two cores, and nothing of it that is not needed here; its address."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        context = ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
        yield context.address_info["gcs_address"]
        ray.shutdown()


CALIBRATION = Calibration("platt", slope=1.5, intercept=-2.0, images=40, anomalies=12, data_hash="")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    # Between the probabilities of the images below.
    path.write_bytes(rewritten(small_model("fp32"), threshold=0.0006))
    return path


def image(seed: int) -> bytes:
    """A PNG file of noise, brighter and darker by turns."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (16, 16, 3), np.uint8) // (1 + seed % 4)
    file = io.BytesIO()
    Image.fromarray(np.kron(pixels, np.ones((5, 5, 1), np.uint8))).save(file, "PNG")
    return file.getvalue()


def rows_of(folder: Path) -> list[Row]:
    rows: list[Row] = parquet.read_table(folder).to_pylist()
    return sorted(rows, key=lambda row: row["key"])


def seen(row: Row, prefix: str = "") -> tuple[Any, ...]:
    """What a prediction says, as a row has it."""
    return tuple(
        row[f"{prefix}{name}"] for name in ("is_anomaly", "probability", "calibrated_probability", "logit", "box")
    )


def predicted(detector: Detector, content: bytes) -> tuple[Any, ...]:
    prediction = detector.predict(content)
    return (*_values(prediction), list(prediction.box))


@dataclass
class Killer:
    """Kills one worker of this process's cluster as soon as `when` holds, and looks who is there afterwards."""

    when: Callable[[], bool]
    killed: int | None = None
    workers: set[int] = field(default_factory=set)

    def __enter__(self) -> "Killer":
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(0.1):
            self.workers |= (now := workers())
            if self.killed is None and now and self.when():
                self.killed = min(now)
                os.kill(self.killed, signal.SIGKILL)


def workers() -> set[int]:
    """The processes that score for this process, by what Ray calls them: grandchildren of it."""
    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    children = {pid for pid, parent, *_ in lines if int(parent) == os.getpid()}
    return {int(pid) for pid, parent, *what in lines if parent in children and "MapBatches(Scorer)" in "".join(what)}


def results_in(folder: Path) -> int:
    return len(list(folder.glob("scores-*.parquet")))


IMAGES = 1500
KINDS = 7


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three tables with row groups of 100: 1,500 images, of which one is damaged and one is missing."""
    folder = tmp_path_factory.mktemp("tables")
    kinds = [image(seed) for seed in range(KINDS)]
    contents: list[bytes | None] = [kinds[number % KINDS] for number in range(IMAGES)]
    contents[700], contents[701] = kinds[0][:100], None
    for number in range(3):
        ids = range(number * IMAGES // 3, (number + 1) * IMAGES // 3)
        columns = {"bytes": [contents[each] for each in ids], "label": ["?"] * len(ids), "id": list(ids)}
        # Ray's readers pass over names that begin with an underscore.
        parquet.write_table(pyarrow.table(columns), folder / f"_{number}.parquet", row_group_size=100)
    return folder


def test_a_killed_worker_loses_nothing_and_doubles_nothing(
    cluster: str, model: Path, table: Path, tmp_path: Path
) -> None:
    output = tmp_path / "scores"
    with Killer(lambda: results_in(output) >= 1) as killer:
        result = score(table, model, output, format="parquet", columns=["id"], rows_per_file=100)
    assert killer.killed is not None
    assert len(killer.workers) >= 3, "the killed worker was not replaced: it was killed too late"
    rows = rows_of(output)
    assert sorted(row["id"] for row in rows) == list(range(IMAGES))
    assert len({row["key"] for row in rows}) == IMAGES
    with Detector(model, "cpu", workers=1, threads=1) as detector:
        expected = [predicted(detector, image(seed)) for seed in range(KINDS)]
    failed = {row["id"]: row["error"] for row in rows if row["error"] is not None}
    assert all(seen(row) == expected[row["id"] % KINDS] for row in rows if row["id"] not in failed)
    assert failed.keys() == {700, 701}
    assert "cut off" in failed[700] or "damaged" in failed[700]
    assert failed[701] == "There is no image: the column 'bytes' is empty in this row."
    assert all(row["is_anomaly"] is None and row["provider"] is None for row in rows if row["error"] is not None)
    assert 0 < result.anomalous < IMAGES - 2
    assert (result.images, result.failed, result.scored_before) == (IMAGES, 2, 0)
    assert result.anomalous == sum(bool(row["is_anomaly"]) for row in rows)
    assert sorted(map(Path, result.files)) == sorted(output.glob("*.parquet"))


def test_a_job_that_was_killed_goes_on_where_it_was(cluster: str, model: Path, table: Path, tmp_path: Path) -> None:
    output = tmp_path / "scores"
    program = (
        "import sys; from crbl_runtime.ray import score; "
        "score(sys.argv[1], sys.argv[2], sys.argv[3], format='parquet', columns=['id'], rows_per_file=100)"
    )
    command = [sys.executable, "-c", program, str(table), str(model), str(output)]
    with subprocess.Popen(command, env=os.environ | {"RAY_ADDRESS": cluster}, stderr=subprocess.DEVNULL) as job:
        while results_in(output) < 2 and job.poll() is None:
            time.sleep(0.05)
        job.kill()
    before = parquet.read_table(output, columns=["id"]).num_rows
    assert job.returncode == -signal.SIGKILL
    assert 100 <= before < IMAGES
    result = score(table, model, output, format="parquet", columns=["id"], rows_per_file=IMAGES)
    assert before <= result.scored_before < IMAGES  # The killed job's last file may have come after the look.
    assert [row["id"] for row in sorted(rows_of(output), key=lambda row: int(row["id"]))] == list(range(IMAGES))


def test_the_program_of_the_documentation_scores_a_folder(cluster: str, model: Path, tmp_path: Path) -> None:
    page = (PROJECT / "docs" / "scale.md").read_text(encoding="utf-8")
    program = page.split("```python\n")[1].split("```")[0]
    (tmp_path / "your_job.py").write_text(program)
    (tmp_path / "crop.onnx").write_bytes(model.read_bytes())
    images = tmp_path / "images"
    contents = {
        "monday/part.png": image(1),
        "tuesday/part.png": image(2),
        "tuesday/_MG_0001.PNG": image(3),
        "tuesday/no image.jpg": b"text",
        "tuesday/notes.txt": b"text",
        "tuesday/.hidden.png": image(4),
    }
    for name, content in contents.items():
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(content)
    if sys.platform == "linux":  # A name that is no UTF-8.
        Path(os.fsdecode(os.fsencode(images) + b"/\xff.png")).write_bytes(image(5))
    expected = {"monday/part.png": 1, "tuesday/part.png": 2, "tuesday/_MG_0001.PNG": 3, r"\udcff.png": 5}
    command = [sys.executable, "your_job.py"]
    variables = os.environ | {"RAY_ADDRESS": cluster}
    run = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("ScoringResult(images=5, ")
    rows = {str(Path(row["key"]).relative_to(images)): row for row in rows_of(tmp_path / "scores")}
    assert rows.keys() == expected.keys() | {"tuesday/no image.jpg"}
    with Detector(model, "cpu", workers=1, threads=1) as detector:
        for name, seed in expected.items():
            assert seen(rows[name]) == predicted(detector, image(seed))
    assert rows["tuesday/no image.jpg"]["error"] is not None

    (images / "wednesday.png").write_bytes(image(6))
    result = score(images, tmp_path / "crop.onnx", tmp_path / "scores")
    assert (result.images, result.failed, result.scored_before) == (6, 1, 5)
    again = score(images, tmp_path / "crop.onnx", tmp_path / "scores")
    assert (again.images, again.failed, again.scored_before) == (6, 1, 6)
    assert len(rows_of(tmp_path / "scores")) == 6


def test_archives_of_webdataset_on_another_file_system(cluster: str, model: Path, tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    for number in range(2):
        with tarfile.open(archives / f"{number}.tar", "w") as archive:
            for name, content in {
                "a/0001.png": image(number),
                "a/0001.cls": b"1",
                "a/0002.PNG": image(2),
                "a/0002.left.jpg": b"no image",
                "a/0003.json": b"{}",
            }.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    store = SubTreeFileSystem(str(tmp_path), LocalFileSystem())
    result = score(
        *("archives", model, "scores"), format="webdataset", filesystem=store, output_filesystem=store, workers=(1, 2)
    )
    assert (result.images, result.failed, result.scored_before) == (6, 2, 0)
    assert all(file.startswith("scores/scores-") for file in result.files)
    rows = {row["key"]: row for row in rows_of(tmp_path / "scores")}
    names = ("0001.png", "0002.PNG", "0002.left.jpg")
    assert rows.keys() == {f"archives/{number}.tar/a/{name}" for number in range(2) for name in names}
    with Detector(model, "cpu", workers=1, threads=1) as detector:
        for number in range(2):
            assert seen(rows[f"archives/{number}.tar/a/0001.png"]) == predicted(detector, image(number))
            assert seen(rows[f"archives/{number}.tar/a/0002.PNG"]) == predicted(detector, image(2))
    assert not list((tmp_path / "scores").glob(".*"))


def test_two_models_score_the_files_of_a_store_together(cluster: str, model: Path, tmp_path: Path) -> None:
    crop = tmp_path / "crop" / model.name
    crop.parent.mkdir()
    crop.write_bytes(rewritten(model.read_bytes(), variant="crop", threshold=0.9, calibration=CALIBRATION))
    images = tmp_path / "images"
    images.mkdir()
    for seed in range(5):
        (images / f"{seed}.png").write_bytes(image(seed))
    store = SubTreeFileSystem(str(tmp_path), LocalFileSystem())
    result = score(["images", "images/3.png"], [crop, model], tmp_path / "scores", filesystem=store, threads=4)
    assert (result.images, result.failed) == (5, 0)
    with CombinedDetector(crop, model, "cpu", workers=1, threads=1) as detector:
        for seed, row in enumerate(rows_of(tmp_path / "scores")):
            expected = detector.predict(image(seed))
            assert row["key"] == f"images/{seed}.png"
            assert (row["is_anomaly"], row["label"]) == (expected.is_anomaly, expected.label)
            assert seen(row, "crop_") == (*_values(expected.crop), list(expected.crop.box))
            assert seen(row, "full_") == (*_values(expected.full), list(expected.full.box))
            assert row["crop_model_sha256"] == detector.crop.contract.payload_sha256
            assert row["full_model_sha256"] == detector.full.contract.payload_sha256
    assert 0 < result.anomalous < 5


def _values(prediction: Any) -> tuple[Any, ...]:
    return (prediction.is_anomaly, prediction.probability, prediction.calibrated_probability, prediction.logit)


def test_a_dataset_keeps_its_other_columns(cluster: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(1))
    records = pyarrow.array([{"bytes": image(0), "path": None}, {"bytes": None, "path": str(tmp_path / "a.png")}, None])
    dataset = ray.data.from_arrow(pyarrow.table({"image": records, "camera": ["left", "right", "up"]}))
    rows = scored(dataset, model, image_column="image", workers=1).take_all()
    with Detector(model, "cpu", workers=1, threads=1) as detector:
        expected = [predicted(detector, image(seed)) for seed in range(2)]
    assert [(row["camera"], *seen(row)) for row in rows if row["camera"] != "up"] == [
        ("left", *expected[0]),
        ("right", *expected[1]),
    ]
    assert all("image" not in row for row in rows)
    assert [row["camera"] for row in rows if row["error"] is not None] == ["up"]


def test_an_error_of_a_worker_comes_as_it_was_raised_there(cluster: str, model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(1))
    with pytest.raises(UnavailableError, match="This onnxruntime has no cuda provider"):
        score(tmp_path / "a.png", model, tmp_path / "scores", provider="cuda", num_gpus=0)
    (tmp_path / "a.tar").write_bytes(b"text" * 1000)
    with pytest.raises(DataError, match=r"An archive is damaged \(tarfile\.ReadError.*python -m tarfile --test FILE"):
        score(tmp_path / "a.tar", model, tmp_path / "of the archive")


@pytest.fixture
def never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a dataset is executed."""

    def execute(*_: object, **__: object) -> None:
        pytest.fail("the cluster was given work")

    monkeypatch.setattr(ray.data.Dataset, "iter_rows", execute)


@pytest.mark.usefixtures("cluster", "never_run")
@pytest.mark.parametrize(
    ("source", "arguments", "error", "message"),
    [
        (
            "t.parquet",
            {"image_column": "picture"},
            DataError,
            r"has no column 'picture'\. It has 'bytes', 'id', 'path'",
        ),
        ("t.parquet", {"image_column": "id"}, DataError, "has the type int64 in its column 'id', expected the bytes"),
        ("t.parquet", {"columns": ["camera"]}, DataError, r"has no column camera\. It has bytes, id, path\."),
        ("t.parquet", {"columns": ["path"]}, UsageError, "Columns named path cannot be kept"),
        ("no.parquet", {}, DataError, r"no\.parquet cannot be read as Parquet"),
        (["t.parquet", "u.parquet"], {}, DataError, "A table cannot be read as Parquet"),
        ("missing", {}, DataError, "There is no .*missing"),
        ("empty", {}, DataError, "holds no images.*format='parquet'"),
        ("empty", {"format": "webdataset"}, DataError, r"holds no webdataset: expected files ending in \.tar"),
        ("images", {"format": "tar"}, UsageError, "format is 'tar', expected one of images, parquet, webdataset"),
        ("images", {"columns": ["id"]}, UsageError, "image_column and columns are of Parquet tables"),
        (["images", "t.parquet"], {}, UsageError, "several formats: images, parquet"),
        ([], {}, UsageError, "0 places were given"),
        ("nowhere://bucket/images", {}, UsageError, "nowhere://bucket cannot be opened"),
        ("images", {"provider": "gpu"}, UsageError, "The provider is 'gpu'"),
        ("images", {"threshold": 2}, UsageError, "The threshold is 2"),
        ("images", {"workers": 0}, UsageError, "workers is 0"),
        ("images", {"workers": (2, 1)}, UsageError, r"workers is \(2, 1\)"),
    ],
)
def test_what_cannot_be_scored_is_said_before_the_cluster_works(
    source: Any, arguments: dict[str, Any], error: type[CRBLError], message: str, model: Path, tmp_path: Path
) -> None:
    for name in ("images", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "images" / "a.png").write_bytes(image(0))
    parquet.write_table(pyarrow.table({"bytes": [image(0)], "id": [1], "path": ["a"]}), tmp_path / "t.parquet")
    for name in ("no.parquet", "u.parquet"):
        (tmp_path / name).write_bytes(b"text")
    place = [tmp_path / each for each in source] if isinstance(source, list) else source
    if isinstance(place, str) and "://" not in place:
        place = tmp_path / place
    with pytest.raises(error, match=message):
        score(place, model, tmp_path / "scores", **arguments)


@pytest.mark.usefixtures("cluster", "never_run")
def test_the_models_are_looked_at_before_the_cluster_works(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(0))
    for models, error, message in (
        (tmp_path / "missing.onnx", ModelFileError, "cannot be read"),
        (tmp_path / "a.png", ModelFileError, "a.png"),
        ([model, model], UsageError, "Both models are of the variant full"),
        ([], UsageError, "0 model files were given"),
    ):
        with pytest.raises(error, match=message):
            score(tmp_path / "a.png", models, tmp_path / "scores")
    assert not (tmp_path / "scores").exists()


@pytest.mark.usefixtures("cluster", "never_run")
def test_a_folder_of_other_results_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image(0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("Dear")
    with pytest.raises(UsageError, match=r"mine is not empty.*new or an empty folder"):
        score(tmp_path / "a.png", model, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]
    with pytest.raises(OutputError):
        score(tmp_path / "a.png", model, tmp_path / "a.png")


def test_a_result_belongs_to_one_model_and_source(
    cluster: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(image(0))
    # What a job of which nothing is finished leaves.
    with monkeypatch.context() as patch:
        patch.setattr(ray.data.Dataset, "iter_rows", lambda _: (_ for _ in ()).throw(RuntimeError("no room")))
        with pytest.raises(UnavailableError, match=r"stopped the job .*no room"):
            score(tmp_path / "a.png", model, tmp_path / "scores")
    other = tmp_path / "other.onnx"
    other.write_bytes(rewritten(model.read_bytes(), threshold=0.5))
    for source, model_file, arguments, difference in (
        ("b.png", model, {}, "source"),
        ("a.png", other, {}, "models"),
        ("a.png", model, {"threshold": 0.25}, "threshold"),
        ("a.png", model, {"bit_depth": 12}, "bit_depth"),
    ):
        with pytest.raises(UsageError, match=f"holds the results of another job: it differs in {difference}\\."):
            score(tmp_path / source, model_file, tmp_path / "scores", **arguments)
    (tmp_path / "scores" / "_crbl_job.json").write_text("{")
    with pytest.raises(UsageError, match="is damaged"):
        score(tmp_path / "a.png", model, tmp_path / "scores")


def test_columns_that_results_need_are_refused(cluster: str, model: Path) -> None:
    dataset = ray.data.from_arrow(pyarrow.table({"bytes": [image(0)], "label": [1], "error": [2]}))
    with pytest.raises(DataError, match="named as those of results: label, error"):
        scored(dataset, model)
    with pytest.raises(DataError, match="has no column 'image'"):
        scored(dataset, model, image_column="image")


def test_only_what_was_reported_as_written_is_kept(tmp_path: Path) -> None:
    folder = Location(None, str(tmp_path))
    first, second = (write_results(pyarrow.table({"key": keys}), folder)["file"][0].as_py() for keys in ("ab", "bc"))
    assert write_results(pyarrow.table({"key": ["a", "b"]}), folder)["file"].to_pylist() == [first]
    (tmp_path / "of somebody else.parquet").write_bytes(b"")
    keep_only(folder, frozenset([first]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["of somebody else.parquet", first]
    with pytest.raises(OutputError, match=r"1 files of this job are gone.*Let only one job at a time"):
        keep_only(folder, frozenset([first, second]))


def test_what_a_stopped_job_left_twice_is_kept_once(tmp_path: Path) -> None:
    folder = Location(None, str(tmp_path))
    keys = (["a", "b"], ["b", "c"], ["c", "d"], ["e"])
    names = [write_results(pyarrow.table({"key": each}), folder)["file"][0].as_py() for each in keys]
    kept, done = scored_before(folder, names)
    left = [key for name in kept for key in keys[names.index(name)]]
    assert names[3] in kept
    assert 3 <= len(left) == len(set(left))
    assert done.tolist() == sorted(digests(left).tolist())
    assert scored_before(folder, [])[1].tolist() == []
    (tmp_path / names[0]).write_bytes(b"text")
    with pytest.raises(DataError, match=r"cannot be read.*Remove it and start the job again"):
        scored_before(folder, names)


def test_keys_that_were_scored_are_found_among_many() -> None:
    names = [f"image{number}" for number in range(1000)]
    known = np.sort(digests(names[::2]))
    assert not_among(pyarrow.array(names), known).tolist() == [False, True] * 500
    assert not_among(pyarrow.array(names), digests([])).all()
    assert not_among(pyarrow.array([], pyarrow.string()), known).tolist() == []

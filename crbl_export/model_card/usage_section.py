"""How to use the file in each language; the programs are those of the folder snippets."""

from importlib.resources import files

from crbl_export.model_card.facts import ModelFacts
from crbl_export.model_card.markdown import table
from crbl_export.model_card.preprocessing_steps import scaling_in_the_graph
from crbl_runtime.contract import BATCH_DIMENSION, HEATMAP_NAME, INPUT_NAME, LOGIT_NAME, PROBABILITY_NAME

TESTED = "crbl's tests run this very program, on the CPU"
SNIPPETS = [
    ("predict.py", "python", "Python", f"It prepares the images itself. {TESTED}."),
    (
        "prepared_images.py",
        "python",
        "Prepared images",
        "The programs below take images that are prepared already, one after the other in one file. This one writes "
        "such files: to try them out, and to compare the bytes that your own preparation gives. " + TESTED + ".",
    ),
    ("predict.mjs", "javascript", "JavaScript", f"Node.js and onnxruntime-node. {TESTED}; `dml` was not run."),
    ("predict.cpp", "cpp", "C++", f"C++17 and onnxruntime. {TESTED}, on Linux; Windows and `DML` were not run."),
    (
        "predict.cs",
        "csharp",
        "C#",
        "Microsoft.ML.OnnxRuntime or Microsoft.ML.OnnxRuntime.DirectML. **Untested:** no test compiles or runs it.",
    ),
]


def usage_section(facts: ModelFacts) -> str:
    """Inputs, outputs, what DirectML needs, and one program a language."""
    programs = [
        f"### {title}: {file}\n\n{remark}\n\n```{language}\n{snippet(file, facts).rstrip()}\n```"
        for file, language, title, remark in SNIPPETS
    ]
    return "\n\n".join([_signature(facts), _directml(), *programs])


def snippet(file: str, facts: ModelFacts) -> str:
    """A program with the numbers of this model in it."""
    text = files("crbl_export.model_card").joinpath("snippets", file).read_text("utf-8")
    contract = facts.contract
    # repr is the shortest text that gives the same double, in all these languages.
    return text.replace("@IMAGE_SIZE@", str(contract.preprocessing.image_size)).replace(
        "@THRESHOLD@", repr(contract.threshold)
    )


def _signature(facts: ModelFacts) -> str:
    size = facts.contract.preprocessing.image_size
    rows = [
        ["input", f"`{INPUT_NAME}`", f"uint8 [{BATCH_DIMENSION}, {size}, {size}, 3]", "RGB, prepared as above"],
        ["output", f"`{PROBABILITY_NAME}`", f"float32 [{BATCH_DIMENSION}]", "of an anomaly, 0 to 1"],
        ["output", f"`{LOGIT_NAME}`", f"float32 [{BATCH_DIMENSION}]", "its log odds"],
    ]
    if facts.heatmap is not None:
        height, width = facts.heatmap
        shape = f"float32 [{BATCH_DIMENSION}, {height}, {width}]"
        rows.append(["output", f"`{HEATMAP_NAME}`", shape, "cells that add up to the logit less the bias"])
    scaling = scaling_in_the_graph(facts.contract.preprocessing)
    return (
        f"{table(['', 'Name', 'Type', 'Meaning'], rows)}\n\nScaling is in the graph: {scaling} Give it the bytes as "
        f"they are. An image is anomalous when its probability is greater than {facts.contract.threshold!r}; one "
        "whose logit is NaN or infinite has no prediction. All of this is in the file's metadata too, as JSON under "
        "`crbl`."
    )


def _directml() -> str:
    return (
        "On DirectML fix the batch, here to 1, and the whole graph becomes one node on the GPU; switch the memory "
        "pattern off, run sequentially, and name the adapter by its number: the programs do so. Run one image at a "
        "time on a device, also from several sessions. Ask for DirectML alone, so that a missing GPU is an error and "
        "not a silent change to the CPU, and run the self-test once for each driver."
    )

"""The NVIDIA cards of this machine, from the program that comes with their driver, with CUDA's numbers."""

import csv
import subprocess
from dataclasses import dataclass

from crbl_runtime.adapters import cuda_numbers
from crbl_runtime.adapters.adapter import Adapter, Listed
from crbl_runtime.answer_of_process import NoAnswerError, answer_of_program
from crbl_runtime.errors import first_line

SECONDS = 60
QUERY = ["nvidia-smi", "--query-gpu=index,uuid,driver_version,name", "--format=csv,noheader"]
NOT_LISTED = "CUDA does not list it; look at the environment variable CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Card:
    """A line of nvidia-smi: `index` is its own count, `uuid` begins with "GPU-", `driver` is None for "[N/A]"."""

    index: int
    uuid: str
    driver: str | None
    name: str


def nvidia_listing() -> Listed:
    try:
        answer = subprocess.run(
            QUERY,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
            # An application without a console would show one for a moment.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except FileNotFoundError:
        return Listed((), "nvidia-smi is not there: no NVIDIA driver is installed.")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Listed((), f"nvidia-smi cannot be run ({first_line(error)}). Install the NVIDIA driver again.")
    cards = cards_in(answer.stdout)
    if answer.returncode != 0 or not cards:
        said = (answer.stdout.strip() or answer.stderr.strip()).splitlines()
        reason = said[0] if said else f"exit code {answer.returncode}"
        return Listed((), f"nvidia-smi lists no card ({reason.rstrip('.')}). Install the NVIDIA driver again.")
    return _numbered(cards)


def cards_in(output: str) -> list[Card]:
    """The cards in what nvidia-smi printed; lines of another form are what it says beside them."""
    cards = []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) >= 4 and row[0].strip().isdigit():
            index, uuid, driver, *name = (value.strip() for value in row)
            cards.append(Card(int(index), uuid, None if driver.startswith("[") else driver, ", ".join(name)))
    return cards


def numbered(cards: list[Card], uuids: list[str], unknown: str | None) -> tuple[Adapter, ...]:
    """The cards as CUDA counts them, then those that it does not list.

    Args:
        cards: of nvidia-smi. uuids: what CUDA lists. unknown: why CUDA could not be asked, or None.
    """
    by_uuid = {card.uuid.lower(): card for card in cards}
    usable = [(number, by_uuid.pop(uuid.lower(), None)) for number, uuid in enumerate(uuids)]
    return (
        *(Adapter("cuda", number, card.name, card.driver, None) for number, card in usable if card is not None),
        *(Adapter("cuda", card.index, card.name, card.driver, unknown or NOT_LISTED) for card in by_uuid.values()),
    )


def _numbered(cards: list[Card]) -> Listed:
    try:
        found = answer_of_program(cuda_numbers, cuda_numbers.listed, SECONDS)
    except subprocess.TimeoutExpired:
        found = {"uuids": [], "error": f"no answer within {SECONDS} seconds"}
    except NoAnswerError as end:
        found = {"uuids": [], "error": f"asking it ended the process, exit code {end.code}"}
    error = found["error"]
    unknown = None if error is None else f"CUDA's driver library does not work ({error}); install the driver again"
    return Listed(numbered(cards, found["uuids"], unknown))

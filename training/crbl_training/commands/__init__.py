"""The trainer's commands; each is a module of its own."""

from typing import NoReturn

from crbl_runtime.command_line import run_command


def crbl_train() -> NoReturn:
    run_command("crbl-train", "crbl_training.commands.train", extra="train")


def crbl_evaluate() -> NoReturn:
    run_command("crbl-evaluate", "crbl_training.commands.evaluate", extra="train")


def crbl_convert() -> NoReturn:
    run_command("crbl-convert", "crbl_training.commands.convert", extra="train")

"""The runtime's commands; each is a module of its own."""

from typing import NoReturn

from crbl_runtime.command_line import run_command


def crbl_predict() -> NoReturn:
    run_command("crbl-predict", "crbl_runtime.commands.predict")


def crbl_verify() -> NoReturn:
    run_command("crbl-verify", "crbl_runtime.commands.verify")


def crbl_bench() -> NoReturn:
    run_command("crbl-bench", "crbl_runtime.commands.bench")


def crbl_doctor() -> NoReturn:
    run_command("crbl-doctor", "crbl_runtime.commands.doctor")

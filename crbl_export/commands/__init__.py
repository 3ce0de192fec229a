"""The exporter's commands; each is a module of its own."""

from typing import NoReturn

from crbl_runtime.command_line import run_command


def crbl_export() -> NoReturn:
    run_command("crbl-export", "crbl_export.commands.export", extra="export")


def crbl_parity() -> NoReturn:
    run_command("crbl-parity", "crbl_export.commands.parity", extra="export")


def crbl_check() -> NoReturn:
    run_command("crbl-check", "crbl_export.commands.check", extra="export")


def crbl_demo() -> NoReturn:
    run_command("crbl-demo", "crbl_export.commands.demo", extra="export")

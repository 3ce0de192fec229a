"""All that the runtime asks of onnxruntime. No other module of it imports onnxruntime."""

from typing import Any

import onnxruntime

VERSION: str = onnxruntime.__version__
LOG_ERRORS = 3


def built_in_providers() -> list[str]:
    """The execution providers that this onnxruntime was built with, by onnxruntime's names."""
    return list(onnxruntime.get_available_providers())


def registered_devices(provider: str) -> list[Any]:
    """The devices of an execution provider that is registered in this process, built in or not."""
    return [device for device in all_registered_devices() if device.ep_name == provider]


def all_registered_devices() -> list[Any]:
    """The devices of all execution providers that are registered in this process, built in or not.

    It needs onnxruntime 1.23, and ends the process where DirectML is there and cannot start: so it is called only for
    a provider that was asked for by its name, or in a process of its own.
    """
    return list(onnxruntime.get_ep_devices())


def register_library(name: str, path: str) -> None:
    """Load a library with execution providers, under a name for it, into this process."""
    onnxruntime.register_execution_provider_library(name, path)


def open_session(
    model: bytes,
    providers: list[tuple[str, dict[str, Any]]],
    devices: list[Any],
    options: dict[str, Any],
    dimensions: dict[str, int],
) -> Any:
    """An InferenceSession, which does not fall back to another provider.

    Args:
        model: the file's content. providers: names and options; none where devices are given.
        devices: some of `registered_devices`. options: values of SessionOptions by name.
        dimensions: names of dimensions that the file leaves open, with the sizes that they are fixed to.
    """
    session_options = onnxruntime.SessionOptions()
    session_options.log_severity_level = LOG_ERRORS
    for name, value in options.items():
        setattr(session_options, name, value)
    for name, size in dimensions.items():
        session_options.add_free_dimension_override_by_name(name, size)
    if devices:
        session_options.add_provider_for_devices(devices, {})
    # Without enable_fallback=0 onnxruntime prints 'EP Error' and goes on with the CPU.
    return onnxruntime.InferenceSession(
        model, sess_options=session_options, providers=providers or None, enable_fallback=0
    )


def print_errors_only() -> None:
    """Let onnxruntime print errors only, in the whole process: for commands, whose process is their own.

    Since 1.30 it warns at each DirectML session that device_id was given twice, however it is given. An application
    that embeds the runtime decides for itself what onnxruntime may print, so that a `Detector` does not call this.
    """
    onnxruntime.set_default_logger_severity(LOG_ERRORS)

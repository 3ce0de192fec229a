"""What onnxruntime itself prints on standard error."""

import onnxruntime

ERROR = 3


def only_errors() -> None:
    """Let onnxruntime print errors only, in the whole process: for commands, whose process is their own.

    Since 1.30 it warns at each DirectML session that device_id was given twice, however it is given. An application
    that embeds the runtime decides for itself what onnxruntime may print, so that a `Detector` does not call this.
    """
    onnxruntime.set_default_logger_severity(ERROR)

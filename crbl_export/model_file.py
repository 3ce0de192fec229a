"""A graph and its contract, which are written as one file."""

from dataclasses import dataclass, replace

import onnx
from google.protobuf.message import DecodeError

from crbl_export.copied import copied
from crbl_runtime.contract import METADATA_KEY, ModelContract
from crbl_runtime.errors import ModelFileError
from crbl_runtime.payload import UNKNOWN_SHA256, check_payload, with_payload_sha256


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Attributes:
        graph: without metadata of its own, or with some that is not written.
        contract: what a program must know to use the graph.
    """

    graph: onnx.ModelProto
    contract: ModelContract

    def to_bytes(self) -> bytes:
        """The file's content with the hash of its payload, the same for the same graph and contract."""
        carrying = copied(self.graph)
        del carrying.metadata_props[:]
        contract = replace(self.contract, payload_sha256=UNKNOWN_SHA256)
        onnx.helper.set_model_props(carrying, {METADATA_KEY: contract.to_json()})
        return with_payload_sha256(carrying.SerializeToString(deterministic=True))

    @classmethod
    def from_bytes(cls, content: bytes, name: str) -> "ModelFile":
        """The model file with this content; `name` is for messages.

        Raises:
            ModelFileError: it is no ONNX file, no CRBL model, damaged, or of a contract of another version.
        """
        check_payload(content, name)
        try:
            graph = onnx.load_model_from_string(content)
        except DecodeError as error:
            raise ModelFileError(f"{name} is no ONNX file, or a damaged one ({error}). Export it again.") from error
        metadata = {entry.key: entry.value for entry in graph.metadata_props}
        if METADATA_KEY not in metadata:
            raise ModelFileError(
                f"{name} is no CRBL model: it has no '{METADATA_KEY}' metadata. Name one of crbl-export."
            )
        return cls(graph, ModelContract.from_json(metadata[METADATA_KEY], name))

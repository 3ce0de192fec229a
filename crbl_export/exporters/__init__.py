"""torch's two exporters: from the network to an ONNX graph."""

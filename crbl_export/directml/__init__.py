"""Will onnxruntime's DirectML provider run every node? Answered from its kernel table, without a card."""

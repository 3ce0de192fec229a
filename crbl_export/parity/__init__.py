"""The parity gate: does a model file decide as the trained PyTorch model does?"""

"""fp16: the weights are stored in float16, and everything is computed in float32."""

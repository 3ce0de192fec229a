"""One order of nodes for one graph."""

import onnx

from crbl_export.copied import copied


def order_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the nodes in the order in which the outputs need them: before each node all that its first input needs, then
    its second, and so on. What no output needs is left out.

    Cause: where the order of two nodes is free, the exporters choose differently.
    """
    ordered = copied(model)
    nodes = list(model.graph.node)
    makers = {name: number for number, node in enumerate(nodes) for name in node.output}
    placed: dict[int, onnx.NodeProto] = {}
    waiting = [makers[output.name] for output in reversed(model.graph.output)]
    while waiting:
        number = waiting[-1]
        missing = (makers[name] for name in nodes[number].input if name in makers and makers[name] not in placed)
        before = next(missing, None)
        if before is not None:
            waiting.append(before)
            continue
        placed.setdefault(number, nodes[number])
        waiting.pop()
    del ordered.graph.node[:]
    ordered.graph.node.extend(placed.values())
    return ordered

// The heatmap over the part of the picture that the network saw: one flat tint a cell, nothing in between.

import { useLayoutEffect, useRef } from "preact/hooks";
import { cellColour } from "../shared/heatmap_colour";
import { boxStyle } from "./box";
import type { ReviewSet } from "./review_set";

export function HeatmapOverlay({ set, model, image }: { set: ReviewSet; model: number; image: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const cells = set.models[model]?.cellsOf(image) ?? null;
  const { rows, columns } = set.data.models[model]?.heatmap ?? { rows: 0, columns: 0 };
  const style = boxStyle(set.data, model, image);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context && cells !== null) draw(context, cells, columns);
  }, [set, model, image, style !== null]);
  if (cells === null || style === null) return null;
  return <canvas class="heatmap" width={columns} height={rows} style={style} ref={canvas} />;
}

function draw(context: CanvasRenderingContext2D, cells: Float32Array, columns: number): void {
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  cells.forEach((contribution, cell) => {
    context.fillStyle = cellColour(contribution, cells.length);
    context.fillRect(cell % columns, Math.floor(cell / columns), 1, 1);
  });
}

// The cells of the large picture, each of which tells what it contributes, and how they add up to the logit.

import { cellColour } from "../shared/heatmap_colour";
import { boxStyle } from "./box";
import { numberText, signedText } from "./number_text";
import type { ReviewSet } from "./review_set";
import { useTexts } from "./texts";

const DECIMALS = 3;

export interface CellsProps {
  set: ReviewSet;
  model: number;
  image: number;
}

export function HeatmapCells({ set, model, image, point }: CellsProps & { point: (cell: number | null) => void }) {
  const cells = set.models[model]?.cellsOf(image) ?? null;
  const heatmap = set.data.models[model]?.heatmap ?? null;
  const box = boxStyle(set.data, model, image);
  if (cells === null || heatmap === null || box === null) return null;
  const grid = {
    gridTemplate: `repeat(${heatmap.rows}, minmax(0, 1fr)) / repeat(${heatmap.columns}, minmax(0, 1fr))`,
  };
  return (
    <span class="cells" style={{ ...box, ...grid }} onPointerLeave={() => point(null)}>
      {Array.from(cells, (contribution, cell) => (
        <span
          key={cell}
          class="cell"
          data-cell={cell}
          style={{ backgroundColor: cellColour(contribution, cells.length) }}
          onPointerEnter={() => point(cell)}
          onPointerDown={() => point(cell)}
        />
      ))}
    </span>
  );
}

// "cells −0.310 + bias +1.020 = logit +0.710". The bias is what the cells leave of the logit.
export function CellSum({ set, model, image }: CellsProps) {
  const texts = useTexts();
  const cells = set.models[model]?.cellsOf(image) ?? null;
  const logit = set.data.models[model]?.logits[image] ?? null;
  if (cells === null || logit === null) return null;
  const sum = cells.reduce((total, contribution) => total + contribution, 0);
  return (
    <p class="cell-sum">
      {texts.sum} <data value={sum}>{numberText(sum, DECIMALS)}</data> + {texts.bias}{" "}
      <data value={logit - sum}>{numberText(logit - sum, DECIMALS)}</data> = {texts.logit}{" "}
      <data value={logit}>{numberText(logit, DECIMALS)}</data>
    </p>
  );
}

export function CellReadout({ set, model, image, cell }: CellsProps & { cell: number | null }) {
  const texts = useTexts();
  const heatmap = set.data.models[model]?.heatmap ?? null;
  const contribution = cell === null ? undefined : set.models[model]?.cellsOf(image)?.[cell];
  if (heatmap === null) return <p class="faint">{texts.noHeatmap}</p>;
  if (cell === null || contribution === undefined) return <p class="faint cell-readout">{texts.pointAtCell}</p>;
  const [row, column] = [Math.floor(cell / heatmap.columns) + 1, (cell % heatmap.columns) + 1];
  return (
    <p class="cell-readout">
      {texts.cellIs(row, column)} <data value={contribution}>{signedText(contribution, DECIMALS)}</data>
    </p>
  );
}

// For those who do not point.
export function CellTable({ set, model, image }: CellsProps) {
  const texts = useTexts();
  const cells = set.models[model]?.cellsOf(image) ?? null;
  const heatmap = set.data.models[model]?.heatmap ?? null;
  if (cells === null || heatmap === null) return null;
  return (
    <details>
      <summary>{texts.allCells}</summary>
      <div class="scrolled">
        <table class="cell-table">
          {Array.from({ length: heatmap.rows }, (_, row) => (
            <tr key={row}>
              {Array.from(cells.subarray(row * heatmap.columns, (row + 1) * heatmap.columns), (value, column) => (
                <td key={column}>{signedText(value, DECIMALS)}</td>
              ))}
            </tr>
          ))}
        </table>
      </div>
    </details>
  );
}

// What the charts have in common: the axes, and the line of the limit.

import uPlot from "uplot";
import type { Colours } from "../shared/colours";

// Of counts: no axis shows a half image.
const WHOLE_STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6];
const DASH = [6, 4];

export function axis(colours: Colours): uPlot.Axis {
  return {
    stroke: colours.faint,
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1 },
  };
}

export function countAxis(colours: Colours): uPlot.Axis {
  return { ...axis(colours), incrs: WHOLE_STEPS };
}

// An axis of decimal logarithms, marked at whole decades with what they are logarithms of.
export function decadeAxis(colours: Colours): uPlot.Axis {
  return {
    ...axis(colours),
    incrs: [1, 2, 3, 4, 5],
    values: (_, marks) => marks.map((mark) => `1e${mark}`),
  };
}

export function range(low: number, high: number): uPlot.Range.MinMax {
  return [low, high];
}

// A dashed line across the chart where a scale has a value, with a word beside it.
export function drawLine(chart: uPlot, scale: "x" | "y", value: number, word: string, colour: string): void {
  const { ctx } = chart;
  const { left, top, width, height } = chart.bbox;
  const place = Math.round(chart.valToPos(value, scale, true));
  const gap = 5 * uPlot.pxRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.lineWidth = 1.5 * uPlot.pxRatio;
  ctx.setLineDash(DASH.map((length) => length * uPlot.pxRatio));
  ctx.beginPath();
  if (scale === "x") {
    ctx.moveTo(place, top);
    ctx.lineTo(place, top + height);
  } else {
    ctx.moveTo(left, place);
    ctx.lineTo(left + width, place);
  }
  ctx.stroke();
  ctx.font = fontOf(12);
  if (scale === "x") {
    const toTheLeft = place + gap + ctx.measureText(word).width > left + width;
    ctx.textAlign = toTheLeft ? "right" : "left";
    ctx.textBaseline = "top";
    ctx.fillText(word, place + (toTheLeft ? -gap : gap), top + gap);
  } else {
    ctx.textAlign = "right";
    ctx.textBaseline = "bottom";
    ctx.fillText(word, left + width - gap, place - gap / 2);
  }
  ctx.restore();
}

export function fontOf(pixels: number): string {
  return `${pixels * uPlot.pxRatio}px system-ui, sans-serif`;
}

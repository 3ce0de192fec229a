// What all charts of the page have in common.

import type uPlot from "uplot";
import type { Colours } from "../shared/colours";

export type ColourName = keyof Colours;

const FONT = '12px system-ui, "Segoe UI", "Malgun Gothic", "Apple SD Gothic Neo", "NanumGothic", sans-serif';
export const CHART_HEIGHT = 230;

export function axis(colours: Colours, label: string, more: Partial<uPlot.Axis> = {}): uPlot.Axis {
  return {
    label,
    size: 30,
    labelSize: 18,
    labelGap: 0,
    font: FONT,
    labelFont: FONT,
    stroke: colours.faint,
    grid: { stroke: colours.line, width: 1 },
    ticks: { stroke: colours.line, width: 1, size: 4 },
    ...more,
  };
}

// Draws with the canvas's own pixels, and leaves its state as it was.
export function drawn(draw: (chart: uPlot, context: CanvasRenderingContext2D) => void): (chart: uPlot) => void {
  return (chart) => {
    const context = chart.ctx;
    context.save();
    context.beginPath();
    context.rect(chart.bbox.left, chart.bbox.top, chart.bbox.width, chart.bbox.height);
    context.clip();
    draw(chart, context);
    context.restore();
  };
}

export function verticalLine(chart: uPlot, context: CanvasRenderingContext2D, x: number, dash: number[]): void {
  const at = Math.round(chart.valToPos(x, "x", true));
  context.setLineDash(dash.map((length) => length * devicePixelRatio));
  context.lineWidth = 1.5 * devicePixelRatio;
  context.beginPath();
  context.moveTo(at, chart.bbox.top);
  context.lineTo(at, chart.bbox.top + chart.bbox.height);
  context.stroke();
}

export function translucent(colour: string, opacity: number): string {
  return colour.replace("rgb(", "rgba(").replace(")", `, ${opacity})`);
}

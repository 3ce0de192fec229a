// A table with a column for each model, and one for both together.

import type { Measured } from "./measured";
import { NONE } from "./number_text";
import { nameOf, useTexts } from "./texts";

export interface MeasuredRow {
  // What the row is called in the page's source, such as "precision".
  metric: string;
  name: string;
  // null: it cannot be known. undefined: it is of single models alone.
  values: readonly (number | null | undefined)[];
  text: (value: number) => string;
}

export function MeasuredTable({ measured, rows }: { measured: readonly Measured[]; rows: readonly MeasuredRow[] }) {
  const texts = useTexts();
  return (
    <table class="measured">
      {measured.length > 1 && (
        <thead>
          <tr>
            <td />
            {measured.map(({ name }) => (
              <th key={name} scope="col">
                {nameOf(texts, name)}
              </th>
            ))}
          </tr>
        </thead>
      )}
      <tbody>
        {rows.map(({ metric, name, values, text }) => (
          <tr key={metric} data-metric={metric}>
            <th scope="row">{name}</th>
            {values.map((value, place) => (
              <td key={place} data-of={measured[place]?.name}>
                {typeof value === "number" ? <data value={value}>{text(value)}</data> : value === null ? NONE : ""}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

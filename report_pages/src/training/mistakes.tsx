// The images that the model was most wrong about, with what each cell of the image contributed.

import { useMemo, useState } from "preact/hooks";
import { floats } from "../shared/float32";
import { cellColour } from "../shared/heatmap_colour";
import { probabilityText, significant } from "./numbers";
import { Picture } from "./picture";
import { useWords } from "./texts";
import type { Mistake, Result } from "./training_data";

export function MistakesSection({ mistakes }: { mistakes: Result["mistakes"] }) {
  const { text } = useWords();
  const [withHeatmap, setWithHeatmap] = useState(true);
  if (mistakes.false_alarms_in_all + mistakes.missed_anomalies_in_all === 0) return <p>{text("no_mistake")}</p>;
  return (
    <>
      <p class="buttons">
        <button type="button" aria-pressed={withHeatmap} onClick={() => setWithHeatmap(!withHeatmap)}>
          {text("show_heatmap")}
        </button>
      </p>
      <p class="faint">{text("heatmap_note", { bias: significant(mistakes.bias) })}</p>
      <Kind
        title={text("Missed_anomalies")}
        shown={mistakes.missed_anomalies}
        inAll={mistakes.missed_anomalies_in_all}
        withHeatmap={withHeatmap}
      />
      <Kind
        title={text("False_alarms")}
        shown={mistakes.false_alarms}
        inAll={mistakes.false_alarms_in_all}
        withHeatmap={withHeatmap}
      />
    </>
  );
}

function Kind(props: { title: string; shown: Mistake[]; inAll: number; withHeatmap: boolean }) {
  const { text } = useWords();
  const { title, shown, inAll, withHeatmap } = props;
  const counts = { kind: title, count: inAll, shown: shown.length };
  return (
    <>
      <h3>{text(inAll > shown.length ? "most_certain" : "shown_of", counts)}</h3>
      <div class="pictures">
        {shown.map((mistake) => (
          <MistakeFigure key={mistake.path} mistake={mistake} withHeatmap={withHeatmap} />
        ))}
      </div>
    </>
  );
}

function MistakeFigure({ mistake, withHeatmap }: { mistake: Mistake; withHeatmap: boolean }) {
  const { text } = useWords();
  const cells = useMemo(() => floats(mistake.cells), [mistake]);
  const sum = cells.reduce((sum, cell) => sum + cell, 0);
  return (
    <figure class="picture mistake" title={mistake.path}>
      <div class="overlaid">
        <Picture number={mistake.picture} alt={mistake.name} />
        {withHeatmap && <Heatmap mistake={mistake} cells={cells} />}
      </div>
      <figcaption>
        <span>
          p <data value={mistake.probability}>{probabilityText(mistake.probability)}</data>, {text("sum")}{" "}
          <data value={sum}>{sum.toFixed(2)}</data>
        </span>
        <bdi>{mistake.name}</bdi>
      </figcaption>
    </figure>
  );
}

function Heatmap({ mistake, cells }: { mistake: Mistake; cells: Float32Array }) {
  const { rows, columns } = mistake;
  return (
    <svg viewBox={`0 0 ${columns} ${rows}`} preserveAspectRatio="none">
      {Array.from(cells, (cell, number) => (
        <rect
          key={number}
          x={number % columns}
          y={Math.floor(number / columns)}
          width="1"
          height="1"
          fill={cellColour(cell, cells.length)}
        >
          <title>{(cell > 0 ? "+" : "") + cell.toFixed(3)}</title>
        </rect>
      ))}
    </svg>
  );
}

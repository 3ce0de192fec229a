// What is marked, whether it is kept, and the tables that it becomes.

import type { Label } from "./confusion";
import { ANOMALY, NORMAL, type Decisions } from "./decisions";
import { download } from "./download";
import type { Marks, Problem } from "./marks";
import { csvOf, type LabelledImage } from "./marks_csv";
import { countText } from "./number_text";
import { isPredicted, type ReviewSet } from "./review_set";
import { useTexts } from "./texts";

export interface MarksPanelProps {
  set: ReviewSet;
  decisions: Decisions;
  marks: Marks;
  problem: Problem | null;
  undo: () => void;
  removeAll: () => void;
  advance: boolean;
  setAdvance: (advance: boolean) => void;
}

export function MarksPanel(props: MarksPanelProps) {
  const { set, decisions, marks, problem, undo, removeAll, advance, setAdvance } = props;
  const texts = useTexts();
  const marked = labelledImages(set, (image) => marks.get(image) ?? null);
  const all = labelledImages(set, (image) => marks.get(image) ?? set.labels?.[image] ?? null);
  const anomalies = marked.filter(({ label }) => label === 1).length;
  return (
    <section class="marks">
      <h2>{texts.marks}</h2>
      <p>
        {marks.size === 0
          ? texts.noMarks
          : texts.marked(countText(marks.size), countText(anomalies), countText(marks.size - anomalies))}
      </p>
      {marks.size > 0 && <Agreement decisions={decisions} marks={marks} />}
      <p class={problem === null ? "faint" : "problem"} role={problem === null ? undefined : "alert"}>
        {problem === null ? texts.keptHere : problem === "forbidden" ? texts.forbidden : texts.unreadableMarks}
      </p>
      <div class="row">
        <button
          type="button"
          disabled={marked.length === 0}
          onClick={() => download("marked_images.csv", csvOf(marked))}
        >
          {texts.exportMarked(countText(marked.length))}
        </button>
        {set.labels !== null && (
          <button type="button" onClick={() => download("labelled_images.csv", csvOf(all))}>
            {texts.exportAll(countText(all.length))}
          </button>
        )}
      </div>
      <p class="faint">
        {texts.exportHint} {marked.length > 0 && (anomalies === 0 || anomalies === marked.length) && texts.bothClasses}
      </p>
      <div class="row">
        <button type="button" onClick={undo}>
          {texts.undo}
        </button>
        <button type="button" disabled={marks.size === 0} onClick={removeAll}>
          {texts.removeAllMarks}
        </button>
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={advance}
          onChange={(event) => setAdvance(event.currentTarget.checked)}
        />
        {texts.advance}
      </label>
    </section>
  );
}

// How the present decisions do on the marked images, and nothing that would be said of others.
function Agreement({ decisions, marks }: { decisions: Decisions; marks: Marks }) {
  const texts = useTexts();
  const called = (decision: number) => [...marks].filter(([image]) => decisions[image] === decision);
  const right = (entries: [number, Label][]) => entries.filter(([image, label]) => decisions[image] === label).length;
  const [anomalies, normals] = [called(ANOMALY), called(NORMAL)];
  return (
    <p>
      {texts.agree(
        String(right(anomalies)),
        String(anomalies.length),
        String(right(normals)),
        String(normals.length),
      )}{" "}
      <span class="faint">{texts.marksAreNoSample}</span>
    </p>
  );
}

// What cannot be predicted can mostly not be read, and then not be trained on.
function labelledImages(set: ReviewSet, labelOf: (image: number) => Label | null): LabelledImage[] {
  return set.data.paths.flatMap((_, image) => {
    const label = labelOf(image);
    return label === null || !isPredicted(set.data, image) ? [] : [{ path: set.pathOf(image), label }];
  });
}

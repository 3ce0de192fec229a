// One image in the grid: its picture, its scores, the decision, its label, and the buttons that mark it.

import { decisionName } from "../shared/decision_name";
import type { Label } from "./confusion";
import { NOT_PREDICTED } from "./decisions";
import { HeatmapOverlay } from "./heatmap_overlay";
import { MarkButtons } from "./mark_buttons";
import { probabilityText } from "./number_text";
import { Picture } from "./picture";
import type { ReviewSet } from "./review_set";
import { useTexts, type Texts } from "./texts";
import { isMistake } from "./view";

const PICTURE_SIDE = 160;

export interface TileProps {
  set: ReviewSet;
  image: number;
  // As the page decides, with both models where there are two.
  decision: number;
  mark: Label | null;
  // The model whose heatmap is shown; null for none.
  heatmapOf: number | null;
  selected: boolean;
  open: () => void;
  change: (mark: Label | null) => void;
}

export function ImageTile({ set, image, decision, mark, heatmapOf, selected, open, change }: TileProps) {
  const texts = useTexts();
  const path = set.data.paths[image]!;
  const name = path.slice(set.folderOf[image]!.length);
  const scores = set.data.models.map(({ variant, probabilities }) => {
    const probability = probabilities[image] ?? null;
    if (probability === null) return "";
    return set.models.length > 1 ? `${variant} ${probabilityText(probability)}` : probabilityText(probability);
  });
  const error = set.data.errors[image];
  return (
    <div class={selected ? "tile selected" : "tile"} data-image={image}>
      <button
        type="button"
        class="open"
        aria-label={[name, decisionText(texts, set, decision), ...scores].join(", ")}
        aria-current={selected}
        onClick={open}
      >
        <Picture set={set} image={image} side={PICTURE_SIDE} grey={heatmapOf !== null}>
          {heatmapOf !== null && <HeatmapOverlay set={set} model={heatmapOf} image={image} />}
        </Picture>
      </button>
      <div class="line name" title={path}>
        <bdi>{name}</bdi>
      </div>
      {error !== undefined ? (
        <div class="error" title={error}>
          {error}
        </div>
      ) : (
        <>
          <div class="line scores">{scores.join(" · ")}</div>
          <div class="line">
            <DecisionAndMistake set={set} image={image} decision={decision} />
          </div>
        </>
      )}
      <div class="line label faint">
        <LabelAndMark set={set} image={image} mark={mark} />
      </div>
      <MarkButtons decision={decision} mark={mark} change={change} />
    </div>
  );
}

export function decisionText(texts: Texts, set: ReviewSet, decision: number): string {
  const names = set.data.models[0]?.labels ?? ["normal", "anomaly"];
  return decision === NOT_PREDICTED ? texts.notPredicted : decisionName(texts, names[decision === 1 ? 1 : 0]);
}

export function DecisionAndMistake({ set, image, decision }: Pick<TileProps, "set" | "image" | "decision">) {
  const texts = useTexts();
  const label = set.labels?.[image] ?? null;
  return (
    <>
      <span class={`decision ${["normal", "anomaly"][decision] ?? ""}`}>{decisionText(texts, set, decision)}</span>
      {isMistake(decision, label) && (
        <span class="mistake">{label === 1 ? texts.missedAnomaly : texts.falseAlarm}</span>
      )}
    </>
  );
}

export function LabelAndMark({ set, image, mark }: Pick<TileProps, "set" | "image" | "mark">) {
  const texts = useTexts();
  const label = set.labels?.[image] ?? null;
  const kind = set.data.kinds?.[image] ?? "";
  const name = (each: Label) => (each === 1 ? texts.anomaly : texts.normal);
  return (
    <>
      {label !== null && texts.labelIs(name(label))}
      {kind !== "" && (
        <>
          , <bdi>{kind}</bdi>
        </>
      )}
      {mark !== null && label !== null && " · "}
      {mark !== null && <span class="marked-as">{texts.markedAs(name(mark))}</span>}
    </>
  );
}

// One image in large, by each model side by side, with the decision of both.

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { boxStyle } from "./box";
import type { Label } from "./confusion";
import { decisionsOf } from "./decisions";
import { CellReadout, CellSum, CellTable, HeatmapCells } from "./heatmap_cells";
import { DecisionAndMistake, decisionText, LabelAndMark } from "./image_tile";
import { logOddsOf } from "./log_odds";
import { MarkButtons } from "./mark_buttons";
import { countText, numberText, probabilityText, signedText, thresholdText } from "./number_text";
import { Picture } from "./picture";
import type { ReviewSet } from "./review_set";
import { useTexts } from "./texts";

const SIDE = 440;

export interface ImageDetailProps {
  set: ReviewSet;
  image: number;
  thresholds: readonly number[];
  decision: number;
  mark: Label | null;
  heatmapOn: boolean;
  // The image's place among those shown, from 0; -1 where it is none of them.
  place: number;
  shown: number;
  step: (by: 1 | -1) => void;
  change: (mark: Label | null) => void;
  close: () => void;
}

export function ImageDetail(props: ImageDetailProps) {
  const { set, image, thresholds, decision, mark, heatmapOn, place, shown, step, change, close } = props;
  const texts = useTexts();
  const dialog = useRef<HTMLDialogElement>(null);
  const name = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    dialog.current?.showModal();
    // Not a button: Enter would press it, and is to close the image.
    name.current?.focus();
  }, []);
  const [width, height] = set.data.sizes[image] ?? [0, 0];
  const error = set.data.errors[image];
  return (
    <dialog class="detail" ref={dialog} onClose={close} aria-labelledby="detail-name">
      <header>
        <h2 id="detail-name" tabIndex={-1} ref={name}>
          <bdi>{set.pathOf(image)}</bdi>
        </h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          {texts.close}
        </button>
      </header>
      <div class="row">
        <button type="button" disabled={place === 0} onClick={() => step(-1)}>
          {texts.previous} <kbd>k</kbd>
        </button>
        <button type="button" disabled={place === shown - 1} onClick={() => step(1)}>
          {texts.next} <kbd>j</kbd>
        </button>
        <span class="faint">
          {place < 0 ? texts.notShown : texts.position(countText(place + 1), countText(shown))}
        </span>
      </div>
      <div class="row" aria-live="polite">
        {set.models.length > 1 && <span>{texts.combinedDecision}:</span>}
        <DecisionAndMistake set={set} image={image} decision={decision} />
        <span>
          <LabelAndMark set={set} image={image} mark={mark} />
        </span>
        <MarkButtons decision={decision} mark={mark} change={change} />
        {width > 0 && <span class="faint">{texts.size(width, height)}</span>}
      </div>
      {set.models.length > 1 && <p class="faint">{texts.either}</p>}
      {error !== undefined && <p class="problem">{error}</p>}
      {set.data.notes[image]?.map((note) => (
        <p key={note} class="faint">
          {note}
        </p>
      ))}
      {error !== undefined && <Picture set={set} image={image} side={SIDE} />}
      {error === undefined && (
        <div class="models">
          {set.models.map((_, model) => (
            <OfModel
              key={`${image} ${model}`}
              set={set}
              image={image}
              model={model}
              threshold={thresholds[model]!}
              heatmapOn={heatmapOn}
            />
          ))}
        </div>
      )}
    </dialog>
  );
}

interface OfModelProps {
  set: ReviewSet;
  image: number;
  model: number;
  threshold: number;
  heatmapOn: boolean;
}

function OfModel({ set, image, model, threshold, heatmapOn }: OfModelProps) {
  const texts = useTexts();
  const [cell, setCell] = useState<number | null>(null);
  const data = set.data.models[model]!;
  const [probability, logit] = [data.probabilities[image] ?? null, data.logits[image] ?? null];
  const calibrated = data.calibrated?.[image] ?? null;
  const box = boxStyle(set.data, model, image);
  if (probability === null || logit === null) return null;
  const [decision] = decisionsOf([probability], threshold);
  return (
    <section class="of-model" data-model={data.variant} aria-label={data.variant}>
      {set.models.length > 1 && <h3>{data.variant}</h3>}
      <Picture set={set} image={image} side={SIDE} grey={heatmapOn && data.heatmap !== null}>
        {heatmapOn && <HeatmapCells set={set} image={image} model={model} point={setCell} />}
        {box !== null && <span class="box" style={box} />}
      </Picture>
      {(heatmapOn || data.heatmap === null) && <CellReadout set={set} image={image} model={model} cell={cell} />}
      <CellSum set={set} image={image} model={model} />
      {data.regionMissing.includes(image) && <p class="problem">{texts.regionMissing}</p>}
      <table class="measured">
        <tbody>
          <tr>
            <th scope="row">{texts.decision}</th>
            <td class={["normal", "anomaly"][decision!]}>{decisionText(texts, set, decision!)}</td>
          </tr>
          <tr>
            <th scope="row">{texts.probability}</th>
            <td>{probabilityText(probability)}</td>
          </tr>
          {calibrated !== null && (
            <tr>
              <th scope="row">{texts.calibrated}</th>
              <td>{probabilityText(calibrated)}</td>
            </tr>
          )}
          <tr>
            <th scope="row">{texts.thresholdRow}</th>
            <td>{thresholdText(threshold)}</td>
          </tr>
          <tr>
            <th scope="row">{texts.logit}</th>
            <td>{numberText(logit, 3)}</td>
          </tr>
          <tr>
            <th scope="row">{texts.margin}</th>
            <td>{signedText(logit - logOddsOf(threshold), 3)}</td>
          </tr>
        </tbody>
      </table>
      <CellTable set={set} image={image} model={model} />
    </section>
  );
}

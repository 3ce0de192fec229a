// The threshold of one model: a slider below the scores, a field for any value, and what to move it to.

import { useState } from "preact/hooks";
import type { Colours } from "../shared/colours";
import { NumberField } from "../shared/number_field";
import { bestThreshold, type Rule } from "./best_threshold";
import type { Assumptions } from "./consequences";
import { Histogram } from "./histogram";
import { logOddsOf, roundedProbability } from "./log_odds";
import { thresholdText } from "./number_text";
import type { Model, ReviewSet } from "./review_set";
import { useTexts } from "./texts";

const USUAL_RECALL = 0.95;

export interface ThresholdPanelProps {
  set: ReviewSet;
  model: Model;
  threshold: number;
  move: (threshold: number) => void;
  assumptions: Assumptions;
  colours: Colours;
}

export function ThresholdPanel({ set, model, threshold, move, assumptions, colours }: ThresholdPanelProps) {
  const texts = useTexts();
  const { variant, file, threshold: given, thresholdSource, provider, fallback } = model.data;
  const name = texts.thresholdOf(variant);
  const [low, high] = model.logOddsRange;
  return (
    <section class="threshold" data-model={variant} aria-label={name}>
      <h2>
        {name} <span class="faint">{`${file}, ${texts.runsOn(provider)}`}</span>
      </h2>
      {fallback !== null && (
        <p class="faint">
          {texts.fallback} {fallback}
        </p>
      )}
      <Histogram model={model} labels={set.labels} threshold={threshold} colours={colours} />
      <input
        class="slider"
        type="range"
        min={low}
        max={high}
        step={0.01}
        value={logOddsOf(threshold)}
        aria-label={name}
        aria-valuetext={String(threshold)}
        onInput={(event) => move(roundedProbability(event.currentTarget.valueAsNumber))}
      />
      <div class="row">
        <NumberField
          label={texts.threshold}
          value={threshold}
          accepts={(value) => value >= 0 && value <= 1}
          expected={texts.thresholdExpected}
          change={(value) => value !== null && move(value)}
        />
        <button
          type="button"
          disabled={threshold === given}
          aria-label={texts.resetTo(thresholdText(given))}
          title={texts.resetTo(thresholdText(given))}
          onClick={() => move(given)}
        >
          {texts.reset}
        </button>
        <span class="faint">
          {texts.chosenBy} {thresholdText(given)}
          {thresholdSource !== "" && `, ${thresholdSource}`}
        </span>
      </div>
      {model.scored !== null && (
        <Rules
          alone={set.models.length > 1}
          assumptions={assumptions}
          moveTo={(rule) => model.scored !== null && move(bestThreshold(rule, model.scored))}
        />
      )}
    </section>
  );
}

interface RulesProps {
  // Whether there is another model, which these rules know nothing of.
  alone: boolean;
  assumptions: Assumptions;
  moveTo: (rule: Rule) => void;
}

function Rules({ alone, assumptions: { costs, defectRate }, moveTo }: RulesProps) {
  const texts = useTexts();
  const [recall, setRecall] = useState(USUAL_RECALL);
  return (
    <details class="rules">
      <summary>{texts.moveTo}</summary>
      <div class="row">
        <button type="button" onClick={() => moveTo({ kind: "f1" })}>
          {texts.bestF1}
        </button>
        <button
          type="button"
          disabled={costs === null}
          title={costs === null ? texts.costNeeded : undefined}
          onClick={() => costs !== null && moveTo({ kind: "cost", costs, defectRate })}
        >
          {texts.lowestCost}
        </button>
        <span class="joined">
          <button type="button" onClick={() => moveTo({ kind: "recall", recall })}>
            {texts.recallAtLeast}
          </button>
          <NumberField
            label={<span class="hidden-text">{texts.recallAtLeast}</span>}
            value={recall}
            accepts={(value) => value > 0 && value <= 1}
            expected={texts.recallExpected}
            change={(value) => value !== null && setRecall(value)}
          />
        </span>
      </div>
      <p class="faint">
        {texts.flatters} {alone && texts.thisModelAlone}
      </p>
    </details>
  );
}

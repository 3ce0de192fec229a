// The threshold, how it was chosen, how the scores lie around it, and what it means for images to come.

import { percent, Significant, significant } from "./numbers";
import { ScoreHistogram } from "./score_histogram";
import { originText, useWords } from "./texts";
import type { Consequences, Result } from "./training_data";

export function ThresholdSection({ result, chosenHere }: { result: Result; chosenHere: boolean }) {
  const { text } = useWords();
  return (
    <>
      <p>
        {text("anomalous_above", { threshold: significant(result.validation.threshold) })}{" "}
        <Choice result={result} chosenHere={chosenHere} />
      </p>
      <ScoreHistogram result={result} chosenHere={chosenHere} />
      <ConsequencesTable consequences={result.consequences} />
    </>
  );
}

function Choice({ result, chosenHere }: { result: Result; chosenHere: boolean }) {
  const { text } = useWords();
  const choice = result.threshold_choice;
  if (choice === null || !chosenHere) {
    return <>{text("kept", { source: result.threshold_source })}</>;
  }
  const [low, high] = choice.interval.map((end) => (end === null ? "–" : significant(end, 3))) as [string, string];
  return (
    <>
      {text("chosen_by", { rule: choice.rule, count: choice.images, low, high })}{" "}
      {choice.defect_rate !== null && text("at_rate", { rate: percent(choice.defect_rate) })}
    </>
  );
}

function ConsequencesTable({ consequences }: { consequences: Consequences }) {
  const { language, text } = useWords();
  const { costs } = consequences;
  const origin = originText(consequences.origin, language);
  return (
    <>
      <h3>{text("consequences")}</h3>
      <p>{text("with_rate", { rate: percent(consequences.defect_rate), origin })}</p>
      <div class="wide">
        <table class="consequences">
          <thead>
            <tr>
              <th>{text("rule")}</th>
              <th>{text("threshold")}</th>
              <th>{text("missed_anomalies")}</th>
              <th>{text("false_alarms")}</th>
              {costs !== null && <th>{text("cost", { costs: `${costs.missed_anomaly}:${costs.false_alarm}` })}</th>}
            </tr>
          </thead>
          <tbody>
            {consequences.thresholds.map((each, row) => (
              <tr key={each.chosen_by} class={row === 0 ? "chosen" : ""}>
                <th scope="row">{row === 0 ? text("this_threshold") : each.chosen_by}</th>
                <td>
                  <Significant value={each.threshold} />
                </td>
                <td>
                  <data value={each.missed_anomalies}>{each.missed_anomalies.toFixed(1)}</data>
                </td>
                <td>
                  <data value={each.false_alarms}>{each.false_alarms.toFixed(1)}</data>
                </td>
                {costs !== null && <td>{each.cost === null ? "–" : each.cost.toFixed(1)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="faint">{text("optimistic")}</p>
    </>
  );
}

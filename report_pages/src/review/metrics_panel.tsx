// Counts, and where labels are known the metrics and confusion matrices at the present thresholds.

import { metricsOf, type Confusion, type Metrics } from "./confusion";
import type { Measured } from "./measured";
import { MeasuredTable, type MeasuredRow } from "./measured_table";
import { countText, shareText } from "./number_text";
import type { ReviewSet } from "./review_set";
import { nameOf, useTexts } from "./texts";

export function MetricsPanel({ set, measured }: { set: ReviewSet; measured: readonly Measured[] }) {
  const texts = useTexts();
  const counts: MeasuredRow[] = [
    {
      metric: "called-anomalous",
      name: texts.calledAnomalous,
      values: measured.map(({ calledAnomalous }) => calledAnomalous),
      text: countText,
    },
    {
      metric: "called-normal",
      name: texts.calledNormal,
      values: measured.map(({ calledNormal }) => calledNormal),
      text: countText,
    },
  ];
  const metrics = measured.map(({ confusion }) => (confusion === null ? null : metricsOf(confusion)));
  const share = (metric: keyof Metrics & string, name: string): MeasuredRow => ({
    metric,
    name,
    values: metrics.map((each) => each?.[metric] ?? null),
    text: shareText,
  });
  const ofCurves = (metric: "auroc" | "averagePrecision", name: string): MeasuredRow => ({
    metric,
    name,
    values: measured.map((each) => (each.name === "combined" ? undefined : (each.curves?.[metric] ?? null))),
    text: shareText,
  });
  if (set.labels === null) {
    return (
      <section class="metrics">
        <h2>{texts.metrics}</h2>
        <MeasuredTable measured={measured} rows={counts} />
        <p class="faint">{texts.noLabels}</p>
      </section>
    );
  }
  return (
    <section class="metrics">
      <h2>{texts.metrics}</h2>
      <MeasuredTable
        measured={measured}
        rows={[
          ...counts,
          share("precision", texts.precision),
          share("recall", texts.recall),
          share("f1", texts.f1),
          share("accuracy", texts.accuracy),
          ofCurves("auroc", texts.auroc),
          ofCurves("averagePrecision", texts.averagePrecision),
        ]}
      />
      <p class="faint">{texts.measuredOn(countText(set.labelled))}</p>
      {set.models.every(({ curves }) => curves === null) && <p class="faint">{texts.oneClass}</p>}
      <div class="matrices">
        {measured.map(
          ({ name, confusion }) => confusion !== null && <ConfusionMatrix key={name} name={name} confusion={confusion} />,
        )}
      </div>
    </section>
  );
}

function ConfusionMatrix({ name, confusion }: { name: Measured["name"]; confusion: Confusion }) {
  const texts = useTexts();
  const cell = (kind: keyof Confusion, right: boolean) => (
    <td class={right ? "right" : "mistake"} data-count={kind}>
      {countText(confusion[kind])}
    </td>
  );
  return (
    <table class="confusion" data-of={name}>
      <caption>{texts.confusionOf(nameOf(texts, name))}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{texts.decisionIs(texts.normal)}</th>
          <th scope="col">{texts.decisionIs(texts.anomaly)}</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">{texts.labelIs(texts.normal)}</th>
          {cell("trueNormal", true)}
          {cell("falseAlarm", false)}
        </tr>
        <tr>
          <th scope="row">{texts.labelIs(texts.anomaly)}</th>
          {cell("missedAnomaly", false)}
          {cell("trueAnomaly", true)}
        </tr>
      </tbody>
    </table>
  );
}

// What the present thresholds mean for images to come, by what mistakes cost and how many anomalies there will be.

import { NumberField } from "../shared/number_field";
import { consequencesOf, type Assumptions, type Consequences } from "./consequences";
import type { Measured } from "./measured";
import { MeasuredTable, type MeasuredRow } from "./measured_table";
import { numberText } from "./number_text";
import { useTexts } from "./texts";

// What stands in the fields; null for an empty one.
export interface AssumptionFields {
  missedAnomaly: number | null;
  falseAlarm: number | null;
  defectRate: number | null;
}

export interface ConsequencesPanelProps {
  measured: readonly Measured[];
  // What holds while the field of the defect rate is empty: that of the images.
  usualRate: number;
  fields: AssumptionFields;
  change: (fields: AssumptionFields) => void;
}

export function assumptionsIn({ missedAnomaly, falseAlarm, defectRate }: AssumptionFields, usualRate: number): Assumptions {
  const costs = missedAnomaly === null || falseAlarm === null ? null : { missedAnomaly, falseAlarm };
  return { costs, defectRate: defectRate ?? usualRate };
}

export function ConsequencesPanel({ measured, usualRate, fields, change }: ConsequencesPanelProps) {
  const texts = useTexts();
  const assumptions = assumptionsIn(fields, usualRate);
  const all = measured.map(({ confusion }) => (confusion === null ? null : consequencesOf(confusion, assumptions)));
  const row = (metric: keyof Consequences, name: string): MeasuredRow => ({
    metric,
    name,
    values: all.map((consequences) => consequences?.[metric] ?? null),
    text: (value) => numberText(value, 1),
  });
  const isCost = (value: number) => value > 0;
  return (
    <section class="consequences">
      <h2>{texts.consequences}</h2>
      <div class="fields">
        <NumberField
          label={texts.costOfMissed}
          value={fields.missedAnomaly}
          accepts={isCost}
          expected={texts.costExpected}
          change={(missedAnomaly) => change({ ...fields, missedAnomaly })}
          optional
        />
        <NumberField
          label={texts.costOfFalseAlarm}
          value={fields.falseAlarm}
          accepts={isCost}
          expected={texts.costExpected}
          change={(falseAlarm) => change({ ...fields, falseAlarm })}
          optional
        />
        <NumberField
          label={texts.rate}
          value={fields.defectRate}
          accepts={(value) => value > 0 && value < 1}
          expected={texts.rateExpected}
          change={(defectRate) => change({ ...fields, defectRate })}
          optional
          placeholder={String(Number(usualRate.toPrecision(4)))}
        />
      </div>
      <p class="faint">{texts.perThousand(String(Number(assumptions.defectRate.toPrecision(4))))}</p>
      <MeasuredTable
        measured={measured}
        rows={[
          row("missedAnomalies", texts.missedAnomalies),
          row("falseAlarms", texts.falseAlarms),
          row("cost", texts.cost),
        ]}
      />
    </section>
  );
}

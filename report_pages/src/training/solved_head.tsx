import { Details } from "./details";
import { Decimal, Significant, significant } from "./numbers";
import { useWords } from "./texts";
import type { SolvedHead } from "./training_data";

export function SolvedHeadTable({ head, open }: { head: SolvedHead; open: boolean }) {
  const { text } = useWords();
  if (head.folds === 0) return <p>{text("strength_none", { c: significant(head.C) })}</p>;
  return (
    <Details name="head" title={text("head")} open={open}>
      <p>
        {text("strength", { folds: head.folds, images: head.images })}{" "}
        {head.landmarks !== null && text("strength_landmarks", { landmarks: head.landmarks })}
      </p>
      <div class="wide">
        <table class="strengths">
          <thead>
            <tr>
              <th>C</th>
              <th>{text("mean_auroc")}</th>
              <th>{text("of_folds")}</th>
              <th>{text("mean_loss")}</th>
              <th />
            </tr>
          </thead>
          <tbody>
            {head.cross_validation.map((tried) => (
              <tr key={tried.C} class={tried.C === head.C ? "chosen" : ""}>
                <th scope="row">
                  <Significant value={tried.C} digits={3} />
                </th>
                <td>
                  <Decimal value={tried.mean_auroc} />
                </td>
                <td>
                  {tried.aurocs.map((auroc, fold) => (
                    <span key={fold}>
                      <Decimal value={auroc} digits={3} />{" "}
                    </span>
                  ))}
                </td>
                <td>
                  <Decimal value={tried.mean_loss} />
                </td>
                <td>{tried.C === head.C && text("chosen")}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Details>
  );
}

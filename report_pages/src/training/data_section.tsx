// What the run learns from and is measured on.

import { Details } from "./details";
import { Picture } from "./picture";
import { type Key, useWords } from "./texts";
import type { DataOverview, Duplicate, Example, RunData, SetCounts, Size } from "./training_data";

export function DataSection({ data }: { data: RunData }) {
  const { text } = useWords();
  const overview = data.data;
  return (
    <>
      <p>
        {text("network_sees", { size: overview.image_size, region: text(`region_${overview.region}`) })}{" "}
        {text("validation_from", { source: overview.validation_source })}
      </p>
      <CountsTable overview={overview} />
      <KindsTable training={overview.training} validation={overview.validation} />
      <Sentences
        name="readings"
        title={text("readings")}
        lines={[...overview.readings, ...overview.left_out]}
        inAll={0}
      />
      {(["training", "validation"] as const).map((set) => (
        <Skipped key={set} set={set} counts={overview[set]} />
      ))}
      <Duplicates overview={overview} />
      <h3>{text("as_seen")}</h3>
      <Examples title={text("Normal")} examples={overview.examples.normal} />
      <Examples title={text("Anomalous")} examples={overview.examples.anomalous} />
      <Augmentation data={data} />
    </>
  );
}

function CountsTable({ overview }: { overview: DataOverview }) {
  const { text } = useWords();
  const sets: [Key, SetCounts][] = [
    ["training", overview.training],
    ["validation", overview.validation],
  ];
  return (
    <div class="wide">
      <table class="counts">
        <thead>
          <tr>
            <th>{text("set")}</th>
            <th>{text("normal")}</th>
            <th>{text("anomalous")}</th>
            <th>{text("in_all")}</th>
            <th>{text("no_region")}</th>
            <th>{text("left_out_images")}</th>
            <th>{text("size_of_files")}</th>
          </tr>
        </thead>
        <tbody>
          {sets.map(([name, counts]) => (
            <tr key={name} data-set={name}>
              <th scope="row">{text(name)}</th>
              <td>{counts.normal}</td>
              <td>{counts.anomalous}</td>
              <td>{counts.normal + counts.anomalous}</td>
              <td>{counts.regions_missing}</td>
              <td>{counts.skipped_in_all}</td>
              <td>
                <Sizes sizes={counts.sizes} />
              </td>
            </tr>
          ))}
          {overview.held_out !== null && (
            <tr data-set="held_out">
              <th scope="row">{text("held_out")}</th>
              <td>{overview.held_out.normal}</td>
              <td>{overview.held_out.anomalous}</td>
              <td>{overview.held_out.normal + overview.held_out.anomalous}</td>
              <td>–</td>
              <td>–</td>
              <td>–</td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function Sizes({ sizes }: { sizes: SetCounts["sizes"] }) {
  const { text } = useWords();
  const shown = ([width, height]: Size) => `${width} × ${height}`;
  if (sizes === null) return <>–</>;
  if (sizes.different === 1) return <>{shown(sizes.usual)}</>;
  const ends = { smallest: shown(sizes.smallest), largest: shown(sizes.largest) };
  return <>{text("most", { size: shown(sizes.usual), ...ends })}</>;
}

function KindsTable({ training, validation }: { training: SetCounts; validation: SetCounts }) {
  const { text } = useWords();
  const names = [...new Set([...training.kinds, ...validation.kinds].map(({ kind }) => kind))].sort();
  if (names.length === 0) return null;
  const count = (set: SetCounts, name: string) => set.kinds.find(({ kind }) => kind === name)?.images ?? 0;
  return (
    <table class="kinds">
      <caption>{text("kinds")}</caption>
      <thead>
        <tr>
          <th>{text("kind")}</th>
          <th>{text("training")}</th>
          <th>{text("validation")}</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">
              <bdi>{name === "" ? text("no_kind") : name}</bdi>
            </th>
            <td>{count(training, name)}</td>
            <td>{count(validation, name)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Skipped({ set, counts }: { set: "training" | "validation"; counts: SetCounts }) {
  const { text } = useWords();
  const title = `${text(set)} · ${text("skipped", { count: counts.skipped_in_all })}`;
  return <Sentences name={`skipped ${set}`} title={title} lines={counts.skipped} inAll={counts.skipped_in_all} />;
}

function Sentences(props: { name: string; title: string; lines: string[]; inAll: number }) {
  const { name, title, lines, inAll } = props;
  const { text } = useWords();
  if (lines.length === 0) return null;
  return (
    <Details name={name} title={title} open={lines.length <= 3}>
      <ul>
        {lines.map((line) => (
          <li key={line}>
            <bdi>{line}</bdi>
          </li>
        ))}
        {inAll > lines.length && <li>{text("more", { count: inAll - lines.length })}</li>}
      </ul>
    </Details>
  );
}

function Duplicates({ overview }: { overview: DataOverview }) {
  const { text } = useWords();
  const { identical, near_identical: near, pairs } = overview.duplicates;
  return (
    <>
      <h3>{text("duplicates")}</h3>
      <p class={identical + near > 0 ? "reason" : ""}>
        {identical + near === 0 ? text("duplicates_none") : text("duplicates_some", { identical, near })}
      </p>
      <div class="pictures">
        {pairs.map((pair) => (
          <DuplicateFigure key={pair.validation} pair={pair} />
        ))}
      </div>
    </>
  );
}

function DuplicateFigure({ pair }: { pair: Duplicate }) {
  const { text } = useWords();
  const how = pair.distance === null ? text("identical") : text("bits_differ", { count: pair.distance });
  return (
    <figure class="picture pair">
      <Picture number={pair.validation_picture} alt={pair.validation} />
      <Picture number={pair.training_picture} alt={pair.training} />
      <figcaption>
        <span>
          {how}
          {!pair.same_label && `, ${text("other_label")}`}
        </span>
        <bdi>{pair.validation}</bdi>
        <bdi>{pair.training}</bdi>
      </figcaption>
    </figure>
  );
}

function Examples({ title, examples }: { title: string; examples: Example[] }) {
  return (
    <>
      <h4>{title}</h4>
      <div class="pictures">
        {examples.map((example) => (
          <figure key={example.picture} class="picture" title={example.path}>
            <Picture number={example.picture} alt={example.name} />
            <figcaption>
              {example.kind !== "" && (
                <span>
                  <bdi>{example.kind}</bdi>
                </span>
              )}
              <bdi>{example.name}</bdi>
            </figcaption>
          </figure>
        ))}
      </div>
    </>
  );
}

function Augmentation({ data }: { data: RunData }) {
  const { text } = useWords();
  const { name, views } = data.data.augmentation;
  const why = data.provenance.recipe.epochs === 0 ? "no_augmentation_solved" : "no_augmentation";
  return (
    <>
      <h3>{text("augmented_views")}</h3>
      <p>{views.length === 0 ? text(why) : text("augmented_note", { name })}</p>
      <div class="pictures">
        {views.map((view) => (
          <figure key={view.view} class="picture pair">
            <Picture number={view.original} alt={view.name} />
            <Picture number={view.view} alt={view.name} />
          </figure>
        ))}
      </div>
    </>
  );
}

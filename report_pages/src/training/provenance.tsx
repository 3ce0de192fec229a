// Where the model comes from, how to make it again, and what comes next.

import { Details } from "./details";
import { useWords } from "./texts";
import { duration, moment, secondsBetween } from "./times";
import type { RunData } from "./training_data";

export function ProvenanceSection({ data }: { data: RunData }) {
  const { language, text } = useWords();
  const { provenance, result } = data;
  const facts: [string, string | null][] = [
    [text("run_folder"), data.folder],
    [text("checkpoint"), result?.checkpoint ?? null],
    [text("checkpoint_hash"), result?.checkpoint_hash ?? null],
    [text("weights"), provenance.weights],
    [text("trainable"), provenance.trainable],
    [text("device"), provenance.device],
    ...data.rejected_devices.map((reason): [string, string] => [text("not_used"), reason]),
    [text("device_check"), provenance.device_check],
    [text("processes"), String(provenance.processes)],
    [text("seed"), String(provenance.seed)],
    [text("training_hash"), provenance.train_data_hash],
    [text("validation_hash"), provenance.validation_data_hash],
    [text("held_out_hash"), provenance.held_out_data_hash],
    [text("began"), moment(data.started, language)],
    [text("ended"), moment(data.written, language)],
    [text("took"), duration(secondsBetween(data.started, data.written), language)],
    [text("versions"), Object.entries(provenance.versions).map((version) => version.join(" ")).join(", ")],
  ];
  return (
    <>
      <Command title={text("command")} line={data.command} note={text("in_folder", { folder: data.working_folder })} />
      {result !== null && (
        <Command
          title={text("next")}
          line={`${result.next.export}\n${result.next.evaluate}`}
          note={data.data.held_out === null ? text("test_images") : ""}
        />
      )}
      <dl class="facts">
        {facts.map(
          ([name, value], row) =>
            value !== null && (
              <div key={row}>
                <dt>{name}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ),
        )}
      </dl>
      <div class="columns">
        <Values name="recipe" title={`${text("recipe")}: ${provenance.recipe_name}`} values={provenance.recipe} />
        <Values name="options" title={text("options")} values={data.options} />
      </div>
    </>
  );
}

function Command({ title, line, note = "" }: { title: string; line: string | null; note?: string }) {
  if (line === null) return null;
  return (
    <>
      <h3>{title}</h3>
      <pre>
        <code>{line}</code>
      </pre>
      {note !== "" && <p class="faint">{note}</p>}
    </>
  );
}

function Values({ name, title, values }: { name: string; title: string; values: Record<string, unknown> }) {
  const { text } = useWords();
  return (
    <Details name={name} title={title}>
      <table>
        <thead>
          <tr>
            <th>{text("name")}</th>
            <th>{text("value")}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(values).map(([key, value]) => (
            <tr key={key}>
              <th scope="row">{key}</th>
              <td>{value === null ? "–" : String(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Details>
  );
}

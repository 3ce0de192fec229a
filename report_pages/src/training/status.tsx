// What the work is at, how old that is, and how the page follows it.

import { useEffect, useState } from "preact/hooks";
import { isFromDisk, reloadHere, useReload } from "./reload";
import { useWords } from "./texts";
import { duration, moment, secondsBetween } from "./times";
import type { Epoch, FoldsData, RunData, TrainingData } from "./training_data";

// After so many of its slowest epochs, and at least so many seconds, a run that says nothing may be none any more.
const SILENT_EPOCHS = 5;
const SILENT_SECONDS = 60;
// Before the first epoch, and between folds, nobody knows how long the next step takes.
const SILENT_WITHOUT_EPOCHS = 1800;

export function Status({ data }: { data: TrainingData }) {
  const { text } = useWords();
  return (
    <section class={`status ${data.status}`} aria-label={text(data.status)}>
      <strong class="badge">{text(data.status)}</strong>
      {data.status === "running" && <Running data={data} />}
      {data.status === "finished" && <Finished data={data} />}
      {data.status === "stopped" && <Stopped data={data} />}
      {data.kind === "run" && data.epochs_before > 0 && (
        <p class="faint">{text("resumed", { count: data.epochs[data.epochs_before - 1]?.number ?? 0 })}</p>
      )}
    </section>
  );
}

function Finished({ data }: { data: TrainingData }) {
  const { language, text } = useWords();
  const took = duration(secondsBetween(data.started, data.written), language);
  return <p>{text("finished_at", { time: moment(data.written, language), duration: took })}</p>;
}

function Stopped({ data }: { data: TrainingData }) {
  const { language, text } = useWords();
  const count = data.kind === "run" ? data.epochs.filter((epoch) => epoch.number > 0).length : data.metrics.length;
  const epochs = text(count === 1 ? "epochs_done_one" : "epochs_done", { count });
  const done = data.kind === "run" ? epochs : `${text("fold")} ${count}/${data.reports.length}`;
  return (
    <>
      <p>{text("stopped_at", { time: moment(data.written, language), epochs: done })}</p>
      <p class="reason">{data.reason ?? text("stopped_by_hand")}</p>
      <ResumeCommand data={data} />
    </>
  );
}

function ResumeCommand({ data }: { data: TrainingData }) {
  const { text } = useWords();
  if (data.command === null) return null;
  return (
    <p>
      {text("resume_with")} <code>{data.command} --resume</code>
    </p>
  );
}

function Running({ data }: { data: TrainingData }) {
  const { language, text } = useWords();
  const [paused, setPaused] = useReload(true);
  const age = useAge(data.written);
  const limit = silentAfter(data);
  return (
    <>
      {data.kind === "run" ? <EpochsDone data={data} /> : <FoldsDone data={data} />}
      <p class="faint">
        {text("written_ago", { time: duration(age, language) })} ({moment(data.written, language)}).{" "}
        {text(isFromDisk() ? "reloads" : "reloads_not")}
      </p>
      <p class="buttons">
        {isFromDisk() && (
          <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            {text(paused ? "go_on" : "pause")}
          </button>
        )}
        <button type="button" onClick={reloadHere}>
          {text("reload")}
        </button>
      </p>
      {age > limit && (
        <>
          <p class="reason">{silentText(data, age, text, language)}</p>
          <ResumeCommand data={data} />
        </>
      )}
    </>
  );
}

function silentText(
  data: TrainingData,
  age: number,
  text: ReturnType<typeof useWords>["text"],
  language: ReturnType<typeof useWords>["language"],
): string {
  const time = duration(age, language);
  const slowest = data.kind === "run" ? slowestEpoch(data.epochs) : null;
  return slowest === null
    ? text("silent_long", { time })
    : text("silent", { time, slowest: duration(slowest, language) });
}

function silentAfter(data: TrainingData): number {
  const slowest = data.kind === "run" ? slowestEpoch(data.epochs) : null;
  if (data.kind === "folds") return Infinity; // The report of the fold itself knows better.
  return slowest === null ? SILENT_WITHOUT_EPOCHS : Math.max(SILENT_SECONDS, SILENT_EPOCHS * slowest);
}

function slowestEpoch(epochs: Epoch[]): number | null {
  return epochs.length > 0 ? Math.max(...epochs.map((epoch) => epoch.seconds)) : null;
}

function EpochsDone({ data }: { data: RunData }) {
  const { language, text } = useWords();
  const all = data.provenance.recipe.epochs;
  const last = data.epochs.at(-1);
  const done = last?.number ?? 0;
  if (last === undefined || all === 0) {
    const solving = last === undefined && data.provenance.recipe.head_start === "solved";
    return <p>{text(solving ? "solving" : last === undefined ? "before_first_epoch" : "measuring")}</p>;
  }
  const rest = all - done;
  const stepped = data.epochs.filter((epoch) => epoch.number > 0);
  const mean = stepped.reduce((sum, epoch) => sum + epoch.seconds, 0) / Math.max(stepped.length, 1);
  return (
    <>
      <p>
        {text(rest > 0 ? "epoch_of" : "measuring", { done, all })}
        {rest > 0 && stepped.length > 0 && `, ${text("to_go", { time: duration(rest * mean, language) })}`}
      </p>
      <progress value={done} max={all} aria-label={text("epoch_of", { done, all })} />
    </>
  );
}

function FoldsDone({ data }: { data: FoldsData }) {
  const { text } = useWords();
  const [done, all] = [data.metrics.length, data.reports.length];
  return (
    <>
      <p>{text("fold_of", { number: Math.min(done + 1, all), all })}</p>
      <progress value={done} max={all} aria-label={`${done}/${all}`} />
    </>
  );
}

// Seconds since then, which grow while the page is open.
function useAge(iso: string): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, (now - Date.parse(iso)) / 1000);
}

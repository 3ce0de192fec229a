import { useEffect } from "preact/hooks";
import { useLanguage } from "../shared/language";
import { LanguageSwitch } from "../shared/language_switch";
import { CurvesSection } from "./curves";
import { DataSection } from "./data_section";
import { Folds } from "./folds";
import { MistakesSection } from "./mistakes";
import { PictureContext } from "./picture";
import { ProbabilitiesSection } from "./probabilities";
import { ProvenanceSection } from "./provenance";
import { useScrollPosition } from "./reload";
import { ResultSection } from "./result";
import { Status } from "./status";
import { LanguageContext, type Key, useWords } from "./texts";
import { ThresholdSection } from "./threshold";
import type { RunData, TrainingData } from "./training_data";

export function Page({ data, picture }: { data: TrainingData; picture: (number: number) => string }) {
  const [language, choose] = useLanguage();
  return (
    <LanguageContext.Provider value={language}>
      <PictureContext.Provider value={picture}>
        <Header data={data}>
          <LanguageSwitch language={language} choose={choose} />
        </Header>
        <main>
          <Status data={data} />
          {data.kind === "run" ? <Run data={data} /> : <Folds data={data} />}
        </main>
        <footer class="faint">CRBL {data.version}</footer>
      </PictureContext.Provider>
    </LanguageContext.Provider>
  );
}

function Header({ data, children }: { data: TrainingData; children: preact.ComponentChildren }) {
  const { text } = useWords();
  const title = `CRBL ${data.variant} · ${text(data.kind === "run" ? "title" : "folds_title")}`;
  useEffect(() => {
    document.title = `${progressInBrief(data)}${title}`;
  }, [data, title]);
  return (
    <header>
      <h1>{title}</h1>
      {children}
    </header>
  );
}

// For the browser's tab, while the work goes on.
function progressInBrief(data: TrainingData): string {
  if (data.status !== "running") return "";
  if (data.kind === "folds") return `${data.metrics.length}/${data.reports.length} · `;
  return `${data.epochs.at(-1)?.number ?? 0}/${data.provenance.recipe.epochs} · `;
}

function Run({ data }: { data: RunData }) {
  const { text } = useWords();
  useScrollPosition();
  const sections = sectionsOf(data);
  return (
    <>
      {data.result === null && (
        <p class="faint">{text(data.status === "running" ? "when_finished" : "without_result")}</p>
      )}
      <nav aria-label={text("sections")}>
        {sections.map(([title]) => (
          <a key={title} href={`#${title}`}>
            {text(title)}
          </a>
        ))}
      </nav>
      {sections.map(([title, content]) => (
        <section key={title} id={title}>
          <h2>{text(title)}</h2>
          {content}
        </section>
      ))}
    </>
  );
}

// Those that there is something to show in, by their titles.
function sectionsOf(data: RunData): [Key, preact.VNode][] {
  const curves: [Key, preact.VNode] = ["curves", <CurvesSection data={data} />];
  const rest: [Key, preact.VNode][] = [
    ["data", <DataSection data={data} />],
    ["provenance", <ProvenanceSection data={data} />],
  ];
  const { result } = data;
  if (result === null) return [curves, ...rest];
  // A threshold that is kept may have been chosen by an earlier run, on other images.
  const chosenHere = data.options.threshold_rule !== "keep";
  return [
    ["result", <ResultSection validation={result.validation} />],
    curves,
    ["Threshold", <ThresholdSection result={result} chosenHere={chosenHere} />],
    ["probabilities", <ProbabilitiesSection result={result} />],
    ["mistakes", <MistakesSection mistakes={result.mistakes} />],
    ...rest,
  ];
}

// The page: what is chosen on it, and where each part of it stands.

import { useEffect, useMemo, useState } from "preact/hooks";
import { useColours } from "../shared/colours";
import { useLanguage } from "../shared/language";
import type { Label } from "./confusion";
import { assumptionsIn, ConsequencesPanel, type AssumptionFields } from "./consequences_panel";
import { CurveCharts } from "./curve_charts";
import { NOT_PREDICTED } from "./decisions";
import { FilterBar, type Overlay } from "./filter_bar";
import { ImageDetail } from "./image_detail";
import { ImageGrid } from "./image_grid";
import { useKeys } from "./keyboard";
import { KeysHelp, KeysLine } from "./keys_help";
import { impliedLabel } from "./marks";
import { MarksPanel } from "./marks_panel";
import { measuredAt } from "./measured";
import { MetricsPanel } from "./metrics_panel";
import { NothingShown } from "./nothing_shown";
import { countText } from "./number_text";
import { PageHead } from "./page_head";
import type { ReviewData } from "./review_data";
import type { ReviewSet } from "./review_set";
import { TEXTS, TextsProvider } from "./texts";
import { ThresholdPanel } from "./threshold_panel";
import { useMarks } from "./use_marks";
import { useSelection } from "./use_selection";
import { countsOf, EVERYTHING, marginsOf, ordered, shownImages } from "./view";

const OPACITY_STEP = 0.1;
// A crack is still seen below the strongest red.
const FIRST_OPACITY = 0.6;
// In narrower windows the panel stands above the images, and is folded at first.
const WIDE = "(min-width: 1000px)";

export function ReviewPage({ set }: { set: ReviewSet }) {
  const [language, chooseLanguage] = useLanguage();
  const texts = TEXTS[language];
  const colours = useColours();
  const [thresholds, setThresholds] = useState(() => set.data.models.map(({ threshold }) => threshold));
  const [fields, setFields] = useState<AssumptionFields>(() => firstFields(set.data));
  const [overlay, setOverlay] = useState<Overlay>(() => firstOverlay(set.data));
  const [view, setView] = useState(EVERYTHING);
  const [panelShown, setPanelShown] = useState(() => matchMedia(WIDE).matches);
  const [advance, setAdvance] = useState(true);
  const [opened, setOpened] = useState(false);
  const [helpShown, setHelpShown] = useState(false);
  const [focusRequests, setFocusRequests] = useState(0);
  const [message, setMessage] = useState("");
  const { marks, problem, change, undo, removeAll } = useMarks(set.data.id);

  const measured = useMemo(() => measuredAt(set, thresholds), [set, thresholds]);
  const margins = useMemo(() => marginsOf(set, thresholds), [set, thresholds]);
  const { decisions, calledAnomalous, calledNormal } = measured[measured.length - 1]!;
  const situation = useMemo(() => ({ set, decisions, margins, marks }), [set, decisions, margins, marks]);
  const counts = useMemo(() => countsOf(situation), [situation]);
  const inOrder = useMemo(
    () => ordered(set, margins, view.order, view.reversed),
    [set, margins, view.order, view.reversed],
  );
  const shown = useMemo(() => shownImages(inOrder, view, situation), [inOrder, view, situation]);
  const selection = useSelection(shown);
  const usualRate = set.defectRate ?? 0;

  useEffect(() => {
    document.title = set.data.title;
  }, [set]);

  function step(by: 1 | -1): void {
    selection.step(by);
    setFocusRequests((requests) => requests + 1);
  }

  function mark(image: number, label: Label | null): void {
    change(image, label);
    setMessage("");
  }

  function markSelected(right: boolean): void {
    const image = selection.image;
    if (image === null) return setMessage(texts.noneSelected);
    const decision = decisions[image]!;
    if (decision === NOT_PREDICTED) return setMessage(texts.noDecision);
    mark(image, impliedLabel(decision === 1 ? 1 : 0, right));
    if (advance) step(1);
  }

  function undoLast(): void {
    const image = undo();
    setMessage(image === null ? texts.nothingToUndo : texts.undone);
    if (image === null) return;
    selection.select(image);
    setFocusRequests((requests) => requests + 1);
  }

  function open(image: number): void {
    selection.select(image);
    setOpened(true);
  }

  function changeOpacity(by: number): void {
    const opacity = Math.min(1, Math.max(0, Math.round((overlay.opacity + by) * 10) / 10));
    setOverlay({ ...overlay, opacity });
  }

  function closeDetail(): void {
    setOpened(false);
    setFocusRequests((requests) => requests + 1);
  }

  const help = { "?": () => setHelpShown(!helpShown) };
  useKeys(
    helpShown
      ? help
      : {
          ...help,
          j: () => step(1),
          k: () => step(-1),
          r: () => markSelected(true),
          w: () => markSelected(false),
          x: () => selection.image !== null && marks.has(selection.image) && mark(selection.image, null),
          u: undoLast,
          h: () => setOverlay({ ...overlay, on: !overlay.on }),
          "[": () => changeOpacity(-OPACITY_STEP),
          "]": () => changeOpacity(OPACITY_STEP),
          Enter: () => (opened ? closeDetail() : selection.image !== null && setOpened(true)),
        },
  );

  const move = (model: number, threshold: number) =>
    setThresholds((before) => before.map((each, place) => (place === model ? threshold : each)));
  const heatmapOf = overlay.on ? overlay.model : null;
  return (
    <TextsProvider value={texts}>
      <div class="review" style={{ "--overlay-opacity": String(overlay.opacity) }}>
        <PageHead
          data={set.data}
          language={language}
          choose={chooseLanguage}
          help={() => setHelpShown(true)}
        />
        <div class="columns">
          <aside class="panel">
            <button
              type="button"
              class="fold"
              aria-expanded={panelShown}
              onClick={() => setPanelShown(!panelShown)}
            >
              {panelShown ? texts.hidePanel : texts.showPanel}
            </button>
            <p class="called" aria-live="polite">
              {texts.called(countText(calledAnomalous), countText(calledAnomalous + calledNormal))}
            </p>
            {panelShown && (
              <>
                {set.models.map((model, place) => (
                  <ThresholdPanel
                    key={place}
                    set={set}
                    model={model}
                    threshold={thresholds[place]!}
                    move={(threshold) => move(place, threshold)}
                    assumptions={assumptionsIn(fields, usualRate)}
                    colours={colours}
                  />
                ))}
                <MetricsPanel set={set} measured={measured} />
                {set.models.some(({ curves }) => curves !== null) && (
                  <CurveCharts measured={measured} colours={colours} />
                )}
                {set.labelled > 0 && (
                  <ConsequencesPanel measured={measured} usualRate={usualRate} fields={fields} change={setFields} />
                )}
                <MarksPanel
                  set={set}
                  decisions={decisions}
                  marks={marks}
                  problem={problem}
                  undo={undoLast}
                  removeAll={removeAll}
                  advance={advance}
                  setAdvance={setAdvance}
                />
              </>
            )}
          </aside>
          <main>
            <FilterBar
              set={set}
              counts={counts}
              view={view}
              changeView={setView}
              overlay={overlay}
              changeOverlay={setOverlay}
            />
            <KeysLine />
            <p class="shown" role="status">
              {texts.shown(countText(shown.length), countText(decisions.length))} {message}
            </p>
            {shown.length === 0 && (
              <NothingShown situation={situation} view={view} count={counts[view.group]} showAll={() => setView(EVERYTHING)} />
            )}
            <ImageGrid
              set={set}
              images={shown}
              decisions={decisions}
              marks={marks}
              heatmapOf={heatmapOf}
              selected={selection.image}
              focusRequests={focusRequests}
              open={open}
              change={mark}
            />
          </main>
        </div>
        {opened && selection.image !== null && (
          <ImageDetail
            set={set}
            image={selection.image}
            thresholds={thresholds}
            decision={decisions[selection.image]!}
            mark={marks.get(selection.image) ?? null}
            heatmapOn={overlay.on}
            place={selection.place}
            shown={shown.length}
            step={step}
            change={(label) => selection.image !== null && mark(selection.image, label)}
            close={closeDetail}
          />
        )}
        {helpShown && <KeysHelp close={() => setHelpShown(false)} />}
      </div>
    </TextsProvider>
  );
}

function firstFields({ costs, defectRate }: ReviewData): AssumptionFields {
  return { missedAnomaly: costs?.missedAnomaly ?? null, falseAlarm: costs?.falseAlarm ?? null, defectRate };
}

function firstOverlay({ models }: ReviewData): Overlay {
  const model = models.findIndex(({ heatmap }) => heatmap !== null);
  return { on: model >= 0, model: model < 0 ? null : model, opacity: FIRST_OPACITY };
}

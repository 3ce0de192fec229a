// All that the page says, in both languages. What comes with the data (names, reasons of onnxruntime) stays as it is.

import type { Language } from "../shared/language";
import { textsContext } from "../shared/texts_context";
import type { ProviderState } from "./parity_data";

const en = {
  title: "Parity report",
  passed: "PASSED",
  failed: "FAILED",
  madeBy: (version: string, when: string) => `CRBL ${version}, ${when}`,
  onImages: (images: number, provider: string) => `On ${images} ${images === 1 ? "image" : "images"}, run on ${provider},`,
  largestIs: (error: string, limit: string) => `the largest logit error is ${error}, where ${limit} is allowed`,
  medianIs: (error: string, limit: string) => `half of the logits are off by ${error} or more, where ${limit} is allowed`,
  noFlips: "no decision differs",
  noFlipsOutside: (within: number) =>
    `no decision differs but ${within === 1 ? "one" : within} within rounding of the threshold`,
  someFlips: (flips: number, allowed: number) =>
    `${flips} ${flips === 1 ? "decision differs" : "decisions differ"}, where ${allowed === 0 ? "none" : allowed} may`,
  sentence: (start: string, clauses: string[]) =>
    `${start} ${clauses.slice(0, -1).join(", ")}, and ${clauses[clauses.length - 1]}.`,
  whatIsCompared:
    "The logit error is the |difference| between a logit of the model file, or of float32 PyTorch, and the one that " +
    "PyTorch computes in float64.",
  madeImages: "The images were made by formula. They prove less than real ones: name a folder of yours with --verify.",
  unreadable: (count: number) => `${count} ${count === 1 ? "image" : "images"} could not be read and had no part in this:`,

  divergence: "First node that computes something else than PyTorch",
  jump: (node: string, operator: string, before: string, after: string) =>
    `At the node ${node} (${operator}) the error jumps from ${before} to ${after}, as a share of the largest value.`,
  noDivergence: "No single node is to blame. What the gate found:",
  divergenceOnlyWhereFailed: "Which node is to blame is looked for only where the file fails.",
  node: "node",
  operator: "operator",
  comparedWith: "compared with PyTorch's",
  errorBefore: "error of what it reads",
  errorAfter: "error of what it gives",
  position: "largest difference at",
  valueFile: "value there in the file",
  valuePyTorch: "value there in float64 PyTorch",
  causes: {} as Record<string, string>,

  provider: (device: string) => `Execution provider ${device}`,
  file: "model file",
  torch: "float32 PyTorch",
  limit: "limit",
  histogram: "How many images have which logit error",
  histogramAxes: "across: logit error, logarithmic; up: number of images",
  exactlyZero: (file: number, torch: number) =>
    `Not in the chart: errors of exactly 0 (model file ${file}, float32 PyTorch ${torch}).`,
  notNumbers: (file: number, torch: number) =>
    `Not in the chart: logits that are NaN or infinite (model file ${file}, float32 PyTorch ${torch}).`,
  noLimitLine: "The limit is 0 and has no place on a logarithmic scale.",
  nothingToDraw: "No error is a number greater than 0, so there is nothing to draw.",
  quantile: "logit error",
  quantiles: {
    0: "smallest",
    0.25: "25 %",
    0.5: "median",
    0.75: "75 %",
    0.9: "90 %",
    0.99: "99 %",
    1: "largest",
  } as Record<number, string>,
  allowed: "allowed",
  largestOn: "The model file is off the most on",
  scatter: "Logit error of each image",
  scatterAxes: "across: images in the order of their names; up: logit error, logarithmic",
  pointAt: "Point at the chart for the image under the pointer.",
  largestErrors: "Images with the largest errors",

  flips: "Decisions that differ",
  noneDiffers: (images: number) => `None. The file decides on all ${images} images as PyTorch does in float64.`,
  noneOutside: (margin: string) => `None on images whose float64 logit is more than ${margin} from that of the threshold.`,
  outside: (flips: number, margin: string, threshold: string) =>
    `${flips}, on images whose float64 logit is more than ${margin} from that of the threshold ${threshold}. These count.`,
  within: (flips: number) => `${flips} nearer to the threshold, where rounding may decide. These do not count.`,
  firstShown: (shown: number, flips: number) => `Shown are ${shown} of ${flips}, those farthest from the threshold.`,
  nearest: "Images nearest to the threshold",
  nearestAre: (threshold: string, logit: string, margin: string) =>
    `An image is anomalous when its probability is above ${threshold}, which is a logit above ${logit}. ` +
    `Within ${margin} of that a decision may differ.`,
  noBoundary: (threshold: string) => `At the threshold ${threshold} no logit is near to it: all are decided alike.`,
  picture: (name: string) => `The image ${name}`,
  float64: "float64 PyTorch",
  logit: "logit",
  probability: "probability",
  decision: "decision",
  normal: "normal",
  anomaly: "anomaly",
  errorIs: (error: string) => `logit error ${error}`,
  distanceIs: (distance: string) => `${distance} from the threshold, in logits`,

  compared: "What was compared",
  modelFile: "Model file",
  modelIs: (variant: string, precision: string, opset: number, size: string) =>
    `variant ${variant}, ${precision}, opset ${opset}, ${size}`,
  payload: "SHA-256 of its payload",
  checkpoint: "Checkpoint",
  weightsHash: "SHA-256 of its weights",
  images: "Images",
  imagesAre: (images: number, source: string) => `${images}: ${source}`,
  imagesHash: "SHA-256 of the images",
  sha256: "SHA-256",
  threshold: "Threshold",
  rounding: "Weights rounded to half precision",
  roundingIs: (error: string, flips: number) =>
    `A logit moves by at most ${error}, and ${flips} ${flips === 1 ? "decision flips" : "decisions flip"}. The file is ` +
    "compared with the PyTorch model whose weights are rounded in the same way.",
  leftOut: "Left out",
  machine: "Machine",
  providers: "Execution providers",
  states: {
    compared: "compared",
    "not started": "does not work here:",
    "not asked for": "is here, and was not asked for; --provider all compares it, too",
    "not here": "this onnxruntime does not have it",
  } as Record<ProviderState, string>,
  versions: "Versions",
  package: "package",
  trained: "at training",
  exported: "at the export",
  here: "here",

  commands: "To repeat it",
  again: "The command that made this page:",
  json: "The same numbers as JSON, with what crbl-verify needs:",
  verify: "The same proof on another machine, without PyTorch, from the report that crbl-export left beside the file, or from that JSON:",
  printed: "What crbl-parity printed",
};

export type Texts = typeof en;

const ko: Texts = {
  title: "일치 검사 보고서",
  passed: "합격",
  failed: "불합격",
  madeBy: (version, when) => `CRBL ${version}, ${when}`,
  onImages: (images, provider) => `${provider}에서 이미지 ${images}장을 비교한 결과,`,
  largestIs: (error, limit) => `로짓 오차의 최댓값은 ${error}(허용 ${limit})`,
  medianIs: (error, limit) => `중앙값은 ${error}(허용 ${limit})`,
  noFlips: "달라진 판정은 없습니다",
  noFlipsOutside: (within) => `달라진 판정은 임계값에서 반올림 범위 안에 있는 ${within}건뿐입니다`,
  someFlips: (flips, allowed) => `달라진 판정은 ${flips}건(허용 ${allowed}건)입니다`,
  sentence: (start, clauses) => `${start} ${clauses.slice(0, -1).join(", ")}이고, ${clauses[clauses.length - 1]}.`,
  whatIsCompared:
    "로짓 오차는 모델 파일(또는 float32 PyTorch)의 로짓과 PyTorch가 float64로 계산한 로짓의 차이(절댓값)입니다.",
  madeImages: "공식으로 만든 이미지입니다. 실제 이미지보다 증명력이 약하니 --verify로 가지고 계신 폴더를 주십시오.",
  unreadable: (count) => `이미지 ${count}장은 읽을 수 없어 비교에서 빠졌습니다:`,

  divergence: "PyTorch와 다르게 계산하는 첫 노드",
  jump: (node, operator, before, after) =>
    `노드 ${node}(${operator})에서 오차가 ${before}에서 ${after}(으)로 뜁니다. 오차는 가장 큰 값에 대한 비율입니다.`,
  noDivergence: "어느 한 노드의 탓이 아닙니다. 검사에서 드러난 것은 다음과 같습니다.",
  divergenceOnlyWhereFailed: "어느 노드의 탓인지는 불합격일 때만 찾습니다.",
  node: "노드",
  operator: "연산자",
  comparedWith: "비교한 PyTorch 부분",
  errorBefore: "받는 값의 오차",
  errorAfter: "내는 값의 오차",
  position: "차이가 가장 큰 위치",
  valueFile: "그 위치의 모델 파일 값",
  valuePyTorch: "그 위치의 float64 PyTorch 값",
  causes: {
    "what it gives does not follow from what it reads: the execution provider computes it wrongly":
      "내는 값이 받는 값에서 나올 수 없습니다. 실행 프로바이더가 잘못 계산합니다.",
    "PyTorch's own value is not finite: the checkpoint is wrong":
      "PyTorch 자신의 값이 유한하지 않습니다. 체크포인트가 잘못되었습니다.",
    "it computes what it is told to, but its weights, its attributes or what it reads are not PyTorch's":
      "계산은 시킨 대로 하지만, 가중치나 속성 또는 받는 값이 PyTorch의 것과 다릅니다.",
  },

  provider: (device) => `실행 프로바이더 ${device}`,
  file: "모델 파일",
  torch: "float32 PyTorch",
  limit: "허용 한계",
  histogram: "로짓 오차별 이미지 수",
  histogramAxes: "가로: 로짓 오차(로그 눈금), 세로: 이미지 수",
  exactlyZero: (file, torch) => `그림에 없음: 정확히 0인 오차(모델 파일 ${file}건, float32 PyTorch ${torch}건).`,
  notNumbers: (file, torch) => `그림에 없음: NaN이거나 무한대인 로짓(모델 파일 ${file}건, float32 PyTorch ${torch}건).`,
  noLimitLine: "허용 한계가 0이라서 로그 눈금에 그릴 수 없습니다.",
  nothingToDraw: "0보다 큰 수인 오차가 없어 그릴 것이 없습니다.",
  quantile: "로짓 오차",
  quantiles: { 0: "최솟값", 0.25: "25 %", 0.5: "중앙값", 0.75: "75 %", 0.9: "90 %", 0.99: "99 %", 1: "최댓값" },
  allowed: "허용",
  largestOn: "모델 파일의 오차가 가장 큰 이미지:",
  scatter: "이미지별 로짓 오차",
  scatterAxes: "가로: 이름 순서의 이미지, 세로: 로짓 오차(로그 눈금)",
  pointAt: "그림을 가리키면 그 자리의 이미지가 나옵니다.",
  largestErrors: "오차가 가장 큰 이미지",

  flips: "달라진 판정",
  noneDiffers: (images) => `없습니다. 이미지 ${images}장 모두에서 파일의 판정은 float64 PyTorch와 같습니다.`,
  noneOutside: (margin) => `float64 로짓이 임계값의 로짓에서 ${margin}보다 멀리 있는 이미지에는 없습니다.`,
  outside: (flips, margin, threshold) =>
    `float64 로짓이 임계값 ${threshold}의 로짓에서 ${margin}보다 멀리 있는 이미지에서 ${flips}건. 검사 결과에 들어갑니다.`,
  within: (flips) => `임계값에 더 가까운 이미지에서 ${flips}건. 반올림으로 갈릴 수 있으므로 검사 결과에 들어가지 않습니다.`,
  firstShown: (shown, flips) => `${flips}건 중 임계값에서 가장 먼 ${shown}건을 보입니다.`,
  nearest: "임계값에 가장 가까운 이미지",
  nearestAre: (threshold, logit, margin) =>
    `확률이 ${threshold}보다 크면, 곧 로짓이 ${logit}보다 크면 이상입니다. 거기에서 ${margin} 안에서는 판정이 달라도 됩니다.`,
  noBoundary: (threshold) => `임계값이 ${threshold}이면 가까운 로짓이 없습니다. 모든 판정이 같습니다.`,
  picture: (name) => `이미지 ${name}`,
  float64: "float64 PyTorch",
  logit: "로짓",
  probability: "확률",
  decision: "판정",
  normal: "정상",
  anomaly: "이상",
  errorIs: (error) => `로짓 오차 ${error}`,
  distanceIs: (distance) => `로짓으로 임계값에서 ${distance} 떨어짐`,

  compared: "비교한 것",
  modelFile: "모델 파일",
  modelIs: (variant, precision, opset, size) => `변형 ${variant}, ${precision}, opset ${opset}, ${size}`,
  payload: "내용의 SHA-256",
  checkpoint: "체크포인트",
  weightsHash: "가중치의 SHA-256",
  images: "이미지",
  imagesAre: (images, source) => `${images}장: ${source}`,
  imagesHash: "이미지들의 SHA-256",
  sha256: "SHA-256",
  threshold: "임계값",
  rounding: "반정밀도로 반올림한 가중치",
  roundingIs: (error, flips) =>
    `로짓은 최대 ${error} 움직이고 판정은 ${flips}건 달라집니다. 파일은 가중치를 똑같이 반올림한 PyTorch 모델과 비교합니다.`,
  leftOut: "뺀 것",
  machine: "컴퓨터",
  providers: "실행 프로바이더",
  states: {
    compared: "비교함",
    "not started": "이 컴퓨터에서 작동하지 않음:",
    "not asked for": "있지만 요청하지 않음. --provider all을 주면 함께 비교합니다",
    "not here": "이 onnxruntime에 없음",
  },
  versions: "버전",
  package: "패키지",
  trained: "학습할 때",
  exported: "내보낼 때",
  here: "여기",

  commands: "다시 해 보려면",
  again: "이 페이지를 만든 명령:",
  json: "같은 수치를 crbl-verify에 필요한 것과 함께 JSON으로:",
  verify: "다른 컴퓨터에서 PyTorch 없이 다시 증명하기(crbl-export가 파일 옆에 남긴 보고서나 위의 JSON으로):",
  printed: "crbl-parity가 출력한 것",
};

export const TEXTS: Record<Language, Texts> = { en, ko };

export const { TextsProvider, useTexts } = textsContext<Texts>(en);

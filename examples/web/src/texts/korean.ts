import type { Texts } from "./texts";

export const korean: Texts = {
  title: "브라우저에서 쓰는 CRBL",
  promise:
    "모델 파일과 이미지를 이 페이지에 끌어다 놓으십시오. 파일은 이 컴퓨터에만 있습니다. 이 페이지는 아무 데도 연결하지 않으며 네트워크 없이도 작동합니다.",
  otherLanguage: "English",
  drop: "모델 파일(.onnx)과 이미지를 여기에 놓으십시오",
  choose: "파일 고르기",
  starting: "준비하는 중 …",
  unsupportedBrowser: (reason) =>
    `이 브라우저에서는 페이지를 실행할 수 없습니다(${reason}). 최신 Chrome, Edge, Firefox, Safari에서 여십시오.`,

  models: "모델",
  noModel: "아직 모델이 없습니다. crbl-export가 쓴 파일이 필요합니다. crop 모델과 full 모델을 함께 놓으면 같이 판정합니다.",
  loading: (name) => `${name}: 읽고, 검사하고, 시작하는 중 …`,
  runOn: "실행할 곳",
  wanted: { automatic: "자동 선택", webgpu: "WebGPU(그래픽 카드)", wasm: "WebAssembly(프로세서)" },
  provider: { webgpu: "WebGPU", wasm: "WebAssembly" },
  variant: "변형",
  runsOn: "실행하는 곳",
  fallback: (reason) => `WebAssembly. WebGPU를 쓰지 않는 이유: ${reason}`,
  preparation: "이미지",
  sameImages: "모델을 내보낸 컴퓨터와 같은 픽셀로 준비됩니다(기준 이미지로 확인)",
  otherImages:
    "이 브라우저는 이미지를 모델을 내보낸 컴퓨터와 다른 픽셀로 디코딩하거나 크기를 바꾸므로, 모델이 다르게 판정할 수 있습니다. 최신 Chrome이나 Edge를 쓰고, 이 페이지에서는 핑거프린팅 방지 기능을 끄십시오.",
  selfTest: "자체 시험",
  selfTestPassed: "통과: 이미지 네 장의 로짓이 모델 파일에 적힌 값과 같습니다",

  results: "이미지",
  counts: (images, anomalies, normal, failed, waiting) =>
    `이미지 ${images}장: 이상 ${anomalies}장, 정상 ${normal}장` +
    (failed > 0 ? `, 예측하지 못한 것 ${failed}장` : "") +
    (waiting > 0 ? `, 기다리는 것 ${waiting}장` : ""),
  remove: "이미지 치우기",
  waiting: "차례를 기다리는 중",
  waitingForModel: "모델을 기다리는 중",
  together: "두 모델을 함께 쓴 판정",
  probability: "확률",
  calibrated: "보정된 확률",
  threshold: "임계값",
  logit: "로짓",
  region: "영역",
  regionFound: (width, height, x, y) => `찾음: (${x}, ${y})에서 ${width} × ${height}`,
  regionNotFound: "찾지 못해 이미지 전체를 썼습니다",
  cells: "히트맵",
  cellsAddUpTo: (rows, columns) => `${rows} × ${columns}칸의 합`,
  noHeatmap: "이 파일에는 없습니다(crbl-export --heatmap)",
  towardsNormal: "정상",
  towardsAnomaly: "이상",
  profileIgnored: "ICC 프로파일은 무시했습니다.",
  firstFrame: "첫 프레임만 썼습니다.",

  readsTitle: "이 페이지가 읽는 이미지",
  reads:
    "채널당 8비트인 JPEG, PNG, WebP, BMP를 읽습니다. Chromium은 이 파일들을 crbl_runtime과 같은 픽셀로 디코딩합니다. 브라우저가 디코딩하지 못하거나 다르게 디코딩하는 파일은 거절합니다: 16비트 PNG, TIFF, JPEG 2000, HEIC, AVIF, GIF, CMYK나 12비트인 JPEG, 16비트이거나 압축된 BMP, EXIF로 회전된 PNG와 WebP. 투명한 부분은 흰색이 되고, ICC 프로파일은 무시하며, JPEG의 EXIF 방향은 적용합니다.",

  noCrblModel: (name) =>
    `${name}: CRBL 모델이 아니거나 손상되었습니다. 페이로드의 SHA-256이 든 계약이 없습니다. crbl-export가 쓴 파일을 놓으십시오.`,
  severalHashes: (name, count) => `${name}: 페이로드의 해시가 하나여야 하는데 ${count}개입니다. 모델을 다시 내보내십시오.`,
  damagedModel: (name, actual, recorded) =>
    `${name}: 손상되었거나 내보낸 뒤에 바뀌었습니다. 페이로드의 SHA-256은 ${actual}…인데 파일에는 ${recorded}…로 적혀 있습니다. 다시 복사하거나 모델을 다시 내보내십시오.`,
  unknownContract: (name, version, known) =>
    `${name}: 계약의 스키마 버전이 ${version}입니다. 이 페이지가 아는 버전은 ${known}입니다. 파일을 내보낸 crbl의 페이지를 빌드하거나, 이 crbl로 모델을 다시 내보내십시오.`,
  damagedContract: (name, finding) => `${name}: 계약이 손상되었습니다(${finding}). 모델을 다시 내보내십시오.`,
  fastDecode: (name) =>
    `${name}: 큰 JPEG를 줄여서 디코딩하라고(fast_decode) 하지만 브라우저에는 그 기능이 없습니다. 이 설정 없이 모델을 내보내십시오.`,
  modelTooLarge: (name, size, limit) =>
    `${name}: ${size.toLocaleString("ko")}바이트입니다. ${limit.toLocaleString("ko")}바이트까지 읽습니다. crbl-export가 쓴 파일을 놓으십시오.`,
  unreadable: (name) => `${name}: 읽을 수 없습니다. 폴더가 아닌 파일을 놓고, 파일이 바뀌었으면 다시 놓으십시오.`,
  replaced: (name, variant) => `${name}: 여기 있던 ${variant} 모델을 대신합니다.`,

  doesNotStart: (provider, reason) => `${provider}가 시작되지 않습니다(${reason}).`,
  computesWrongly: (provider, error, allowed) =>
    `${provider}의 계산이 틀립니다. 자체 시험의 로짓이 ${error.toPrecision(2)}만큼 다르며, 허용되는 차이는 ${allowed.toPrecision(2)}입니다. 그래픽 드라이버나 브라우저를 업데이트하십시오.`,
  insecurePage: "브라우저는 폴더에서 열었거나, 이 컴퓨터나 HTTPS에서 온 페이지에만 제공합니다.",
  noWebGpu: "이 브라우저에 없습니다.",
  noAdapter: "브라우저가 쓸 수 있는 그래픽 카드를 찾지 못했습니다.",
  softwareAdapter: "여기서는 프로세서가 대신 계산하므로 더 느립니다.",
  noCryptography:
    "이 페이지는 다른 컴퓨터에서 HTTP로 왔습니다. 브라우저는 그런 페이지에 SHA-256을 제공하지 않습니다. 파일로 저장해서 열거나, HTTPS 또는 localhost로 여십시오.",
  notFinite: (name, provider) =>
    `${name}: ${provider}에서 로짓이 NaN이거나 무한대입니다. 이미지를 확인하고, WebGPU라면 WebAssembly를 골라 다시 해 보십시오.`,

  cutOff: "손상된 이미지: 파일이 잘렸거나 빠진 줄이 있습니다. 이미지를 다시 복사하거나 내보내십시오.",
  cannotBeDecoded: "손상된 이미지: 디코딩할 수 없거나 검사합이 틀립니다. 이미지를 다시 복사하거나 내보내십시오.",
  cannotBeRead: "읽을 수 없습니다. 폴더가 아닌 파일을 놓고, 파일이 바뀌었으면 다시 놓으십시오.",
  unknownFormat:
    "JPEG, PNG, WebP, BMP가 아닙니다. PNG로 저장하거나, 더 많은 형식을 읽는 crbl-predict를 쓰십시오.",
  sixteenBits:
    "16비트 PNG입니다. 브라우저는 값을 8비트로 줄일 때 crbl_runtime과 다르게 줄입니다. crbl-predict를 쓰거나 8비트로 저장하십시오.",
  turned: (format) => `EXIF로 회전된 ${format}입니다. 이를 적용하지 않는 브라우저가 있습니다. 똑바로 돌려 저장하십시오.`,
  unusualJpeg: "드문 종류의 JPEG입니다(무손실, 계층, 산술 부호화, 또는 8비트가 아님). PNG로 저장하십시오.",
  inks: "잉크 색(CMYK)의 JPEG입니다. 브라우저마다 다르게 변환합니다. RGB로 저장하십시오.",
  unusualBmp: "드문 종류의 BMP입니다(16비트, 256색 미만, 또는 압축됨). PNG로 저장하십시오.",
  transparent:
    "투명한 부분이 있는 이미지입니다. 이 브라우저는 그 색을 crbl_runtime과 다르게 반올림합니다. Chrome이나 Edge를 쓰거나, 투명도 없이 저장하십시오.",
  noCanvas: "이 이미지에 쓸 메모리가 브라우저에 없습니다. 다른 페이지를 닫거나 이미지를 줄이십시오.",
  tooManyPixels: (width, height, limit) =>
    `${width} × ${height} 픽셀로 적혀 있습니다. ${limit.toLocaleString("ko")}픽셀까지 읽습니다. 이미지를 줄이거나 자르십시오.`,
  unexpected: (message) => `예상하지 못한 오류: ${message}. 페이지를 다시 여십시오.`,
};

// Model files call the decisions so unless somebody chose other names, which stay as they are.
export function decisionName(texts: { normal: string; anomaly: string }, label: string): string {
  if (label === "normal") return texts.normal;
  return label === "anomaly" ? texts.anomaly : label;
}

// Times and durations in the reader's words.

import type { Language } from "../shared/language";

const UNITS: Record<Language, [hours: string, minutes: string, seconds: string]> = {
  en: ["h", "min", "s"],
  ko: ["시간", "분", "초"],
};

export function moment(iso: string, language: Language): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(iso));
}

export function secondsBetween(earlier: string, later: string): number {
  return (Date.parse(later) - Date.parse(earlier)) / 1000;
}

// 4.2 s, 31 s, 2 min 5 s, 1 h 3 min.
export function duration(seconds: number, language: Language): string {
  const [hours, minutes, short] = UNITS[language];
  if (seconds < 9.95) return `${seconds.toFixed(1)} ${short}`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} ${short}`;
  if (whole < 3600) return `${Math.floor(whole / 60)} ${minutes} ${whole % 60} ${short}`;
  return `${Math.floor(whole / 3600)} ${hours} ${Math.floor((whole % 3600) / 60)} ${minutes}`;
}

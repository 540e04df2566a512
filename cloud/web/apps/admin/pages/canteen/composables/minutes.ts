import type { EChartsCoreOption } from "echarts/core";
import type { ChartInk } from "@shared/chart/theme";
import { timeOf } from "@shared/show/format";
import { t } from "../texts";

const MINUTE_MS = 60_000;
const LONGEST = 24 * 60;
const SHORTEST = 45;
const HEADROOM = 1.3;

export interface Minute {
  at: string;
  count: number;
  amount_fen: number;
}

/** Minutes side by side from the first to the last known; a minute nobody reported is null, never nought. */
export function sideBySide(minutes: Minute[]): { at: Date; minute: Minute | null }[] {
  const known = new Map(minutes.map((minute) => [floor(minute.at), minute]));
  const starts = [...known.keys()].sort((a, b) => a - b);
  const first = starts[0];
  const last = starts.at(-1);
  if (first === undefined || last === undefined) return [];
  const from = Math.max(Math.min(first, last - (SHORTEST - 1) * MINUTE_MS), last - LONGEST * MINUTE_MS);
  const all: { at: Date; minute: Minute | null }[] = [];
  for (let at = from; at <= last; at += MINUTE_MS) all.push({ at: new Date(at), minute: known.get(at) ?? null });
  return all;
}

export function peakOf(minutes: Minute[]): Minute | null {
  return minutes.reduce<Minute | null>((best, each) => (best && best.count >= each.count ? best : each), null);
}

/** Bars from nought, the peak named on the chart itself, the time a gateway has been away shaded. */
export function minutesOption(minutes: Minute[], awaySince: string | null): (ink: ChartInk) => EChartsCoreOption {
  const all = sideBySide(minutes);
  const peak = peakOf(minutes);
  const labels = all.map((each) => timeOf(each.at, false));
  const away = awaySince ? labels.find((_, index) => (all[index]?.at.getTime() ?? 0) >= floor(awaySince)) : undefined;
  return (ink) => ({
    grid: { left: 0, right: 8, top: 8, bottom: 2, containLabel: true },
    tooltip: {
      trigger: "axis",
      backgroundColor: ink.surface,
      borderColor: ink.line,
      textStyle: { color: ink.ink, fontSize: 12 },
      axisPointer: { type: "line", lineStyle: { color: ink.soft, type: "dotted" } },
      valueFormatter: (value: unknown) => (typeof value === "number" ? t("times", { n: value }) : "—"),
    },
    xAxis: {
      type: "category",
      data: labels,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: ink.line } },
      axisLabel: { color: ink.soft, fontSize: 12, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      min: 0,
      max: Math.max(4, Math.ceil((peak?.count ?? 0) * HEADROOM)),
      minInterval: 1,
      splitNumber: 3,
      axisLine: { show: false },
      splitLine: { showMaxLine: false, lineStyle: { color: ink.line } },
      axisLabel: { color: ink.soft, fontSize: 12, showMaxLabel: false },
    },
    series: [
      {
        type: "bar",
        name: t("perMinute"),
        data: all.map((each) => each.minute?.count ?? "-"),
        itemStyle: { color: ink.series[0], borderRadius: [2, 2, 0, 0] },
        barCategoryGap: "22%",
        barMaxWidth: 18,
        markPoint: peak
          ? {
              symbolSize: 1,
              data: [{ coord: [timeOf(new Date(floor(peak.at)), false), peak.count] }],
              label: {
                formatter: t("peak", { at: timeOf(new Date(floor(peak.at)), false), n: peak.count }),
                color: ink.ink,
                fontSize: 12,
                position: "top",
                distance: 6,
                align: sideOf(labels.indexOf(timeOf(new Date(floor(peak.at)), false)), labels.length),
              },
            }
          : undefined,
        markArea: away
          ? {
              silent: true,
              itemStyle: { color: ink.late, opacity: 0.35 },
              label: { color: ink.soft, fontSize: 12, position: "insideTopRight" },
              data: [[{ name: t("lateData"), xAxis: away }, { xAxis: labels.at(-1) }]],
            }
          : undefined,
      },
    ],
  });
}

/** A label near an edge leans inwards. */
function sideOf(index: number, total: number): "left" | "center" | "right" {
  if (index > total * 0.85) return "right";
  return index < total * 0.15 ? "left" : "center";
}

function floor(at: string): number {
  return Math.floor(new Date(at).getTime() / MINUTE_MS) * MINUTE_MS;
}

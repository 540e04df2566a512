import type { EChartsCoreOption } from "echarts/core";
import type { ChartInk } from "@shared/chart/theme";
import { money, moneyShort, timeOf } from "@shared/show/format";
import { t } from "../texts";
import type { Done, Sample } from "./useDemo";

const LEAST_FEN = 10_000;
const WINDOW_MS = 120_000;

/** The next round figure (1, 2, 4 or 10 of its size) above the peak, so that the axis stands still. */
export function ceiling(peak_fen: number): number {
  const size = 10 ** Math.floor(Math.log10(Math.max(peak_fen, LEAST_FEN)));
  return [1, 2, 4, 10].map((step) => step * size).find((top) => top > peak_fen * 1.1) ?? 20 * size;
}

/** What was on its way over the last minutes, the acts marked where they happened. */
export function waitingOption(samples: Sample[], log: Done[], wordOf: (done: Done) => string): (ink: ChartInk) => EChartsCoreOption {
  const last = samples.at(-1);
  const top = ceiling(Math.max(0, ...samples.map((sample) => sample.waiting_fen)));
  const from = samples[0]?.at.getTime() ?? 0;
  return (ink) => ({
    grid: { left: 0, right: 84, top: 20, bottom: 2, containLabel: true },
    xAxis: {
      type: "time",
      min: Math.min(from, (last?.at.getTime() ?? 0) - WINDOW_MS),
      max: last?.at.getTime(),
      axisLine: { lineStyle: { color: ink.line } },
      axisTick: { show: false },
      axisLabel: { color: ink.soft, hideOverlap: true, formatter: (at: number) => timeOf(new Date(at)) },
      splitLine: { show: false },
    },
    yAxis: {
      type: "value",
      min: 0,
      max: top,
      interval: top / 4,
      axisLine: { show: false },
      splitLine: { lineStyle: { color: ink.line } },
      axisLabel: { color: ink.soft, formatter: (fen: number) => moneyShort(fen) },
    },
    series: [
      {
        type: "line",
        name: t("waiting"),
        step: "end",
        showSymbol: false,
        data: samples.map((sample) => [sample.at.getTime(), sample.waiting_fen]),
        lineStyle: { color: ink.series[2], width: 2 },
        areaStyle: { color: ink.series[2], opacity: 0.12 },
        endLabel: { show: Boolean(last), formatter: money(last?.waiting_fen ?? 0), color: ink.ink, fontSize: 12, fontWeight: 600 },
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: ink.soft, type: "dotted" },
          label: { color: ink.soft, fontSize: 12, position: "end", distance: 4 },
          data: log.filter((done) => done.at.getTime() >= from).slice(0, 8).map((done) => ({ xAxis: done.at.getTime(), label: { formatter: wordOf(done) } })),
        },
      },
    ],
  });
}

/** Colours and type of charts, read from the tokens in force (light or dark). */
export interface ChartInk {
  series: string[];
  late: string;
  ink: string;
  soft: string;
  line: string;
  surface: string;
  look: string;
  act: string;
  good: string;
  font: string;
}

export function chartInk(): ChartInk {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(`--qm-${name}`).trim();
  return {
    series: [1, 2, 3, 4, 5, 6].map((n) => token(`chart-${n}`)),
    late: token("chart-late"),
    ink: token("grey-9"),
    soft: token("grey-6"),
    line: token("grey-2"),
    surface: token("grey-0"),
    look: token("look"),
    act: token("act"),
    good: token("good"),
    font: token("font"),
  };
}

export interface Change {
  path: string;
  from: unknown;
  to: unknown;
}

/** What a mend changes, as paths into the payload. */
export function changesOf(from: unknown, to: unknown, path = ""): Change[] {
  if (Object.is(from, to)) return [];
  if (isTree(from) && isTree(to)) {
    const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...keys].flatMap((key) => changesOf(from[key], to[key], path ? `${path}.${key}` : key));
  }
  return [{ path, from, to }];
}

function isTree(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A value short enough for one line. */
export function shortly(value: unknown): string {
  return value === undefined ? "—" : JSON.stringify(value);
}

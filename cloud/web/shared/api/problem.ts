/** What went wrong with a call, typed by what the caller should do. */

export interface FieldError {
  field: string;
  code: string;
  detail: string;
}

/** The server said no, in problem details (RFC 9457). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly errors: FieldError[],
  ) {
    super(detail || title);
  }
}

/** No answer came: nothing is known about what the server did, so the same key must be used again. */
export class Unreachable extends Error {}

export async function problemOf(answer: Response): Promise<Problem> {
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  const text = (key: string): string => (typeof body[key] === "string" ? (body[key] as string) : "");
  return new Problem(answer.status, text("code"), text("title") || answer.statusText, text("detail"), errorsOf(body));
}

function errorsOf(body: Record<string, unknown>): FieldError[] {
  const listed = Array.isArray(body["errors"]) ? (body["errors"] as Partial<FieldError>[]) : [];
  const errors = listed.map((error) => ({
    field: bare(error.field ?? ""),
    code: error.code ?? "",
    detail: error.detail ?? "",
  }));
  const field = body["field"];
  if (!errors.length && typeof field === "string" && field) {
    errors.push({ field: bare(field), code: String(body["code"] ?? ""), detail: String(body["detail"] ?? "") });
  }
  return errors;
}

/** `body.amount_fen` and `amount_fen` name the same field of a form. */
function bare(field: string): string {
  return field.replace(/^(body|query|path)\./, "");
}

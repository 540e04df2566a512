import { ElMessage } from "element-plus";
import { problemText } from "@shared/api/problemTexts";
import { troubleOf } from "@shared/api/useLoad";
import { common } from "./words";

/** A short word that something is done; it goes by itself. */
export function said(text: string): void {
  ElMessage({ message: text, type: "success", duration: 2600, grouping: true });
}

/** Does an act; a refusal is said in words. True where it was done. */
export async function attempt(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const trouble = troubleOf(error);
    saidNo(trouble.kind === "refused" ? problemText(trouble.problem) : common("offlineTitle"));
    return false;
  }
}

export function saidNo(text: string): void {
  ElMessage({ message: text, type: "error", duration: 5000, grouping: true });
}

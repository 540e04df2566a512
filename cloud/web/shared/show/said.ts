import { ElMessage } from "element-plus";

/** A short word that something is done; it goes by itself. */
export function said(text: string): void {
  ElMessage({ message: text, type: "success", duration: 2600, grouping: true });
}

export function saidNo(text: string): void {
  ElMessage({ message: text, type: "error", duration: 5000, grouping: true });
}

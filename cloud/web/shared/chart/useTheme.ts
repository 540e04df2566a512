import { ref } from "vue";

export type Theme = "light" | "dark";

const root = typeof document === "undefined" ? null : document.documentElement;

export const theme = ref<Theme>(root?.dataset["theme"] === "dark" ? "dark" : "light");

export function setTheme(to: Theme): void {
  theme.value = to;
  if (root) root.dataset["theme"] = to;
  localStorage.setItem("qm.theme", to);
}

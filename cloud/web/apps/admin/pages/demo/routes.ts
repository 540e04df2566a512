import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [{ path: "plug", name: "plug", component: () => import("./views/PullThePlug.vue") }];

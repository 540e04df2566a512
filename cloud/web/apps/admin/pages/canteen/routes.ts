import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "today", name: "today", component: () => import("./views/Today.vue") },
  { path: "settlements/:entry?", name: "settlements", component: () => import("./views/Settlements.vue") },
  { path: "closings", name: "closings", component: () => import("./views/Closings.vue") },
  { path: "dishes", name: "dishes", component: () => import("./views/Dishes.vue") },
  { path: "prices", name: "prices", component: () => import("./views/Prices.vue") },
  { path: "plates", name: "plates", component: () => import("./views/Plates.vue") },
  { path: "periods", name: "periods", component: () => import("./views/Periods.vue") },
  { path: "lanes", name: "lanes", component: () => import("./views/Lanes.vue") },
];

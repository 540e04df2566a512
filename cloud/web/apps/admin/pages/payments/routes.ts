import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "buckets", name: "buckets", component: () => import("./views/Buckets.vue") },
  { path: "subsidies", name: "subsidies", component: () => import("./views/Subsidies.vue") },
  { path: "clearings", name: "clearings", component: () => import("./views/Clearings.vue") },
  { path: "exceptions", name: "exceptions", component: () => import("./views/Exceptions.vue") },
  { path: "rules", name: "rules", component: () => import("./views/Rules.vue") },
  { path: "statement", name: "statement", component: () => import("./views/Statement.vue") },
];

/** What money shows of one person, as tabs of that person's page. */
export const personRoutes: RouteRecordRaw[] = [
  {
    path: "",
    name: "person",
    meta: { place: "people" },
    component: () => import("./views/PersonWallet.vue"),
    props: (to) => ({ id: Number(to.params["id"]) }),
  },
];

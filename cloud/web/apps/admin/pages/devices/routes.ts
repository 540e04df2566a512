import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "gateways", name: "gateways", component: () => import("./views/Gateways.vue") },
  {
    path: "gateways/:id(\\d+)",
    name: "gateway",
    meta: { place: "gateways" },
    component: () => import("./views/Gateway.vue"),
    props: (to) => ({ id: Number(to.params["id"]) }),
  },
  { path: "quarantine", name: "quarantine", component: () => import("./views/Quarantine.vue") },
  {
    path: "quarantine/:id(\\d+)",
    name: "mend",
    meta: { place: "quarantine" },
    component: () => import("./views/Mend.vue"),
    props: (to) => ({ id: Number(to.params["id"]) }),
  },
];

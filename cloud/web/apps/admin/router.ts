import { createRouter, createWebHistory } from "vue-router";
import { resume } from "@shared/session/session";
import { routes as audit } from "./pages/audit/routes";
import { routes as canteen } from "./pages/canteen/routes";
import { routes as demo } from "./pages/demo/routes";
import { routes as devices } from "./pages/devices/routes";
import { routes as identity, signIn } from "./pages/identity/routes";
import { personRoutes, routes as payments } from "./pages/payments/routes";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    signIn,
    {
      path: "/",
      component: () => import("./layout/Shell.vue"),
      redirect: { name: "today" },
      children: [...canteen, ...identity(personRoutes), ...payments, ...devices, ...audit, ...demo],
    },
    { path: "/:rest(.*)*", redirect: { name: "today" } },
  ],
});

router.beforeEach(async (to) => {
  if (to.name === "sign-in") return true;
  const known = await resume().catch(() => false);
  return known ? true : { name: "sign-in", query: { to: to.fullPath } };
});

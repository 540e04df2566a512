import type { RouteRecordRaw } from "vue-router";

export const signIn: RouteRecordRaw = {
  path: "/sign-in",
  name: "sign-in",
  component: () => import("./views/SignIn.vue"),
};

/** People and one person; `tabs` are what other areas show of a person. */
export function routes(tabs: RouteRecordRaw[]): RouteRecordRaw[] {
  return [
    { path: "organisation", name: "organisation", component: () => import("./views/Organisation.vue") },
    { path: "people", name: "people", component: () => import("./views/People.vue") },
    { path: "people/unconfirmed", name: "unconfirmed", meta: { place: "people" }, component: () => import("./views/Unconfirmed.vue") },
    {
      path: "people/:id(\\d+)",
      component: () => import("./views/Person.vue"),
      props: (to) => ({ id: Number(to.params["id"]) }),
      children: [
        ...tabs,
        {
          path: "face",
          name: "person-face",
          meta: { place: "people" },
          component: () => import("./views/PersonFace.vue"),
          props: (to) => ({ id: Number(to.params["id"]) }),
        },
        {
          path: "credentials",
          name: "person-credentials",
          meta: { place: "people" },
          component: () => import("./views/PersonCredentials.vue"),
          props: (to) => ({ id: Number(to.params["id"]) }),
        },
      ],
    },
  ];
}

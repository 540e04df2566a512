import "@shared/styles/index";
import { createApp } from "vue";
import { onSignedOut } from "@shared/api/client";
import { locale } from "@shared/i18n/locale";
import { forget } from "@shared/session/session";
import App from "./App.vue";
import { router } from "./router";

document.documentElement.lang = locale.value;

onSignedOut(() => {
  forget();
  const here = router.currentRoute.value;
  if (here.name !== "sign-in") void router.push({ name: "sign-in", query: { to: here.fullPath } });
});

createApp(App).use(router).mount("#console");

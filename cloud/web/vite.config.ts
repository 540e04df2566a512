import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [vue()],
  resolve: {
    alias: {
      "@shared": here("./shared"),
      "@tokens": here("../../edge/kiosk/screens/tokens.css"),
    },
  },
  server: {
    fs: { allow: [here("."), here("../../edge/kiosk/screens")] },
    proxy: { "/api": { target: process.env.CLOUD_URL ?? "http://127.0.0.1:8080", changeOrigin: false } },
  },
  build: { outDir: "dist", target: "es2022", reportCompressedSize: false, chunkSizeWarningLimit: 700 },
  test: { environment: "node", include: ["tests/**/*.test.ts"] },
});

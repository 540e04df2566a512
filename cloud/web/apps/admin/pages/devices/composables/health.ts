import type { Gateway } from "@shared/api/types";
import type { Tone } from "@shared/show/states";
import { t } from "../texts";

const CLOCK_LOOK_MS = 1_000;
const CLOCK_ACT_MS = 30_000;
const KEY_LOOK_DAYS = 180;
const DISK_LOOK_MB = 2_048;
const DISK_ACT_MB = 512;
const DAY_MS = 86_400_000;

export function clockTone(gateway: Gateway): Tone {
  const off = Math.abs(gateway.offset_ms);
  if (off >= CLOCK_ACT_MS) return "act";
  return off >= CLOCK_LOOK_MS ? "look" : "good";
}

export function keyAgeDays(gateway: Gateway, now: Date): number | null {
  return gateway.key_made_at ? Math.floor((now.getTime() - new Date(gateway.key_made_at).getTime()) / DAY_MS) : null;
}

export function keyTone(gateway: Gateway, now: Date): Tone {
  const days = keyAgeDays(gateway, now);
  if (days === null) return "off";
  return days >= KEY_LOOK_DAYS ? "look" : "good";
}

export function diskTone(gateway: Gateway): Tone {
  if (gateway.disk_free_mb === null) return "off";
  if (gateway.disk_free_mb < DISK_ACT_MB) return "act";
  return gateway.disk_free_mb < DISK_LOOK_MB ? "look" : "good";
}

export function diskWord(gateway: Gateway): string {
  const tone = diskTone(gateway);
  if (tone === "act") return t("diskAct");
  return tone === "look" ? t("diskLook") : t("diskGood");
}

import {
  ArrowLeftRight, CalendarCheck, ChartColumn, CircleHelp, Clock, CookingPot, Cpu, Disc3, FileCheck, Gift, Network,
  Percent, ReceiptText, ScanLine, ShieldCheck, Tag, TriangleAlert, Unplug, Users, Wallet,
} from "@lucide/vue";
import type { Component } from "vue";
import { t } from "./texts";

type Text = Parameters<typeof t>[0];

export interface Place {
  name: string;
  text: Text;
  icon: Component;
  /** Who may see it; the server holds it in any case. */
  right: string;
}

const place = (name: string, text: Text, icon: Component, right = "canteen.read"): Place => ({ name, text, icon, right });

/** The pages in the order a manager's day asks for them. */
export const NAV: { title: Text | null; places: Place[] }[] = [
  { title: null, places: [place("today", "today", ChartColumn)] },
  {
    title: "trade",
    places: [
      place("settlements", "settlements", ReceiptText),
      place("closings", "closings", CalendarCheck),
      place("statement", "statement", FileCheck, "payments.read"),
    ],
  },
  {
    title: "money",
    places: [
      place("people", "people", Users, "identity.read"),
      place("organisation", "organisation", Network, "identity.read"),
      place("buckets", "buckets", Wallet, "payments.read"),
      place("subsidies", "subsidies", Gift, "payments.read"),
      place("clearings", "clearings", ArrowLeftRight, "payments.read"),
      place("exceptions", "exceptions", CircleHelp, "payments.read"),
    ],
  },
  {
    title: "menuGroup",
    places: [
      place("dishes", "dishes", CookingPot),
      place("prices", "prices", Tag),
      place("plates", "plates", Disc3),
      place("periods", "periods", Clock),
      place("lanes", "lanes", ScanLine),
      place("rules", "rules", Percent, "payments.read"),
    ],
  },
  {
    title: "devicesGroup",
    places: [place("gateways", "gateways", Cpu, "devices.read"), place("quarantine", "quarantine", TriangleAlert, "devices.read")],
  },
  { title: "systemGroup", places: [place("audit", "audit", ShieldCheck, "audit.read"), place("plug", "plug", Unplug)] },
];

export const PLACES: Place[] = NAV.flatMap((group) => group.places);

/** The pages that somebody with these rights may see. */
export function navFor(rights: readonly string[]): typeof NAV {
  return NAV.map((group) => ({ ...group, places: group.places.filter((each) => rights.includes(each.right)) })).filter(
    (group) => group.places.length,
  );
}

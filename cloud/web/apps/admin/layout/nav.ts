import {
  ArrowLeftRight, CalendarCheck, ChartColumn, CircleHelp, Clock, CookingPot, Cpu, Disc3, FileCheck, Gift,
  Percent, ReceiptText, ScanLine, ShieldCheck, Tag, TriangleAlert, Unplug, Users, Wallet,
} from "@lucide/vue";
import type { Component } from "vue";
import { t } from "./texts";

type Text = Parameters<typeof t>[0];

export interface Place {
  name: string;
  text: Text;
  icon: Component;
}

const place = (name: string, text: Text, icon: Component): Place => ({ name, text, icon });

/** The pages in the order a manager's day asks for them. */
export const NAV: { title: Text | null; places: Place[] }[] = [
  { title: null, places: [place("today", "today", ChartColumn)] },
  {
    title: "trade",
    places: [
      place("settlements", "settlements", ReceiptText),
      place("closings", "closings", CalendarCheck),
      place("statement", "statement", FileCheck),
    ],
  },
  {
    title: "money",
    places: [
      place("people", "people", Users),
      place("buckets", "buckets", Wallet),
      place("subsidies", "subsidies", Gift),
      place("clearings", "clearings", ArrowLeftRight),
      place("exceptions", "exceptions", CircleHelp),
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
      place("rules", "rules", Percent),
    ],
  },
  {
    title: "devicesGroup",
    places: [place("gateways", "gateways", Cpu), place("quarantine", "quarantine", TriangleAlert)],
  },
  { title: "systemGroup", places: [place("audit", "audit", ShieldCheck), place("plug", "plug", Unplug)] },
];

export const PLACES: Place[] = NAV.flatMap((group) => group.places);

import { onScopeDispose, ref, type Ref } from "vue";
import { post } from "@shared/api/client";
import { Problem, Unreachable } from "@shared/api/problem";
import { troubleOf, type Trouble } from "@shared/api/useLoad";
import type { FacePicture } from "@shared/api/types";

/** One picture of an enrolment on its way: it lives in this page alone. */
export interface Shot {
  id: number;
  blob: Blob;
  url: string;
  state: "checking" | "good" | "poor" | "unchecked";
  hints: FacePicture["hints"];
  /** Where the face is, as shares of the picture. */
  box: FacePicture["box"] | null;
}

export const PICTURES_LEAST = 3;
export const PICTURES_MOST = 8;
const SIDE_MOST_PX = 1280;
const BUSY = 429;
const BUSY_WAIT_MS = 600;
const BUSY_TRIES = 10;

export interface Shots {
  shots: Ref<Shot[]>;
  trouble: Ref<Trouble | null>;
  add: (blob: Blob) => Promise<void>;
  remove: (shot: Shot) => void;
  recheck: () => Promise<void>;
}

/** Pictures taken so far, each checked by the server as it comes; forgotten with the page. */
export function useShots(): Shots {
  const shots = ref<Shot[]>([]);
  const trouble = ref<Trouble | null>(null);
  let next = 1;

  async function add(blob: Blob): Promise<void> {
    if (shots.value.length >= PICTURES_MOST) return;
    shots.value.push({ id: next++, blob, url: URL.createObjectURL(blob), state: "checking", hints: [], box: null });
    await look(shots.value[shots.value.length - 1] as Shot);
  }

  async function look(shot: Shot): Promise<void> {
    shot.state = "checking";
    try {
      const seen = await checked(shot.blob);
      shot.state = seen.good ? "good" : "poor";
      shot.hints = seen.hints;
      shot.box = seen.box;
      trouble.value = null;
    } catch (error) {
      shot.state = "unchecked";
      trouble.value = troubleOf(error);
    }
  }

  async function recheck(): Promise<void> {
    for (const shot of shots.value) if (shot.state === "unchecked") await look(shot);
  }

  function remove(shot: Shot): void {
    URL.revokeObjectURL(shot.url);
    shots.value = shots.value.filter((each) => each.id !== shot.id);
    if (!shots.value.length) trouble.value = null;
  }

  onScopeDispose(() => shots.value.forEach((shot) => URL.revokeObjectURL(shot.url)));
  return { shots, trouble, add, remove, recheck };
}

/** What the server says of one picture; waits its turn where others are looked at. */
export async function checked(blob: Blob, tries = BUSY_TRIES): Promise<FacePicture> {
  const form = new FormData();
  form.set("picture", blob, "picture.jpg");
  try {
    return await post<FacePicture>("/identity/face-checks", form);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== BUSY || tries <= 1) throw error;
  }
  await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
  return await checked(blob, tries - 1);
}

/** Whether an error of a live look is no news: no answer or a full desk; the next look will tell. */
export function passes(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Problem && error.status === BUSY);
}

/** What is drawn as a JPEG of at most 1280 px a side, upright. */
export async function jpegOf(drawn: CanvasImageSource, width: number, height: number, most = SIDE_MOST_PX): Promise<Blob | null> {
  const ratio = Math.min(1, most / Math.max(width, height, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  canvas.getContext("2d")?.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}

/** A file as such a JPEG; one the browser cannot read goes as it is, for the server to say so. */
export async function jpegOfFile(file: File): Promise<Blob> {
  try {
    const picture = await createImageBitmap(file);
    const blob = await jpegOf(picture, picture.width, picture.height);
    picture.close();
    return blob ?? file;
  } catch {
    return file;
  }
}

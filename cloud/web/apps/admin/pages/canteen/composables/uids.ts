const UID = /^[0-9A-F]{8,64}$/;

/** Chip numbers from what was scanned or pasted: merged, capitals, with the first line that is none. */
export function readUids(text: string): { uids: string[]; bad: { row: number; text: string } | null } {
  const uids = new Set<string>();
  let bad: { row: number; text: string } | null = null;
  text.split(/\r?\n/).forEach((line, index) => {
    for (const part of line.split(/[\s,;，；]+/)) {
      const uid = part.trim().toUpperCase();
      if (!uid) continue;
      if (UID.test(uid)) uids.add(uid);
      else bad ??= { row: index + 1, text: part };
    }
  });
  return { uids: [...uids], bad };
}

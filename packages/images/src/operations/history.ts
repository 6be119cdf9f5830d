import type { HistoryLine, Image } from '../contract.ts';
import { fullHistory } from '../image/document.ts';

/** As `docker history` shows it: newest first, with a layer's size where the step made one. */
export function historyOf(image: Image): readonly HistoryLine[] {
  let layer = 0;
  const lines = fullHistory(image.document).map((entry) => {
    const sizeBytes = entry.empty_layer === true ? 0 : (image.layers[layer++]?.contentBytes ?? 0);
    const createdAtMs = entry.created === undefined ? 0 : Date.parse(entry.created);
    return {
      id: undefined,
      createdAtMs: Number.isNaN(createdAtMs) ? 0 : createdAtMs,
      createdBy: entry.created_by ?? '',
      comment: entry.comment ?? '',
      sizeBytes,
    };
  });
  return lines.reverse().map((line, i) => (i === 0 ? { ...line, id: image.id } : line));
}

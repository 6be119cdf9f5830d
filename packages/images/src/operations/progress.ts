import type { Clock } from '@kraud/base';
import type { OnProgress } from '../contract.ts';

const intervalMs = 100;

/** Byte counts of one layer, at most ten a second and always the last. */
export function byteProgress(
  onProgress: OnProgress | undefined,
  options: { status: string; id: string; total: number; clock: Clock },
): (current: number) => void {
  const { status, id, total, clock } = options;
  let lastMs = Number.NEGATIVE_INFINITY;
  return (current) => {
    const nowMs = clock.monotonic();
    if (!onProgress || (current < total && nowMs - lastMs < intervalMs)) return;
    lastMs = nowMs;
    onProgress({ status, id, progressDetail: { current, total } });
  };
}

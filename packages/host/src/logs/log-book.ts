import type { Container, Pod } from '@kraud/macro';
import type { HostLimits } from '../limits.ts';
import type { PodFiles } from '../pods/pod-files.ts';
import { ContainerLog } from './container-log.ts';

/** The logs of one pod's containers, opened when first asked for. */
export class LogBook {
  readonly #files: PodFiles;
  readonly #limits: HostLimits;
  readonly #logs = new Map<string, ContainerLog>();
  #over = 0;

  constructor(files: PodFiles, limits: HostLimits) {
    this.#files = files;
    this.#limits = limits;
  }

  of(pod: Pod, container: string): ContainerLog {
    const known = this.#logs.get(container);
    if (known) return known;
    const spec = pod.spec.containers.find(({ name }) => name === container);
    const log = new ContainerLog({
      dir: this.#files.log(container),
      ...rotation(spec?.log, this.#limits),
      readBytesMax: this.#limits.logReadBytes,
    });
    log.endRun(this.#over);
    this.#logs.set(container, log);
    return log;
  }

  /** The run is over; files are closed, and readers read on to the end. */
  endRun(serial: number): void {
    this.#over = serial;
    for (const log of this.#logs.values()) {
      log.endRun(serial);
      log.close();
    }
  }

  close(): void {
    for (const log of this.#logs.values()) log.close();
  }

  remove(): void {
    for (const log of this.#logs.values()) log.remove();
    this.#logs.clear();
  }
}

/**
 * | driver, file size, files   | kept                                                              |
 * | -------------------------- | ----------------------------------------------------------------- |
 * | none                       | a small spool for who is attached                                 |
 * | any, 0 (Docker: no limit)  | `logBytesMax`, in files of `logFileBytes`                         |
 * | any, 10m, 3                | three files, a new one begun when the last has reached 10 MiB     |
 */
export function rotation(
  log: Container['log'] | undefined,
  limits: HostLimits,
): { segmentBytesMax: number; segmentsMax: number } {
  if (log?.driver === 'none') return { segmentBytesMax: limits.logSpoolBytes / 2, segmentsMax: 2 };
  if (!log || log.fileBytesMax === 0) {
    const segmentsMax = Math.max(2, Math.ceil(limits.logBytesMax / limits.logFileBytes));
    return { segmentBytesMax: limits.logFileBytes, segmentsMax };
  }
  return { segmentBytesMax: log.fileBytesMax, segmentsMax: log.filesMax };
}

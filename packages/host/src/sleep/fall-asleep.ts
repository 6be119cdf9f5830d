import { messageOf } from '@kraud/base';
import type { Pod } from '@kraud/macro';
import type { LogBook } from '../logs/log-book.ts';
import type { HostParts } from '../parts.ts';
import { adoptRun } from '../pods/adopt.ts';
import type { PodFiles } from '../pods/pod-files.ts';
import type { Run } from '../pods/run.ts';
import { writeRecord, writeRecordDurably } from '../pods/run-record.ts';
import { type Sleeper, sleeperOf } from './sleeper.ts';

/**
 * The run becomes a file, and its VM ends. One that can't goes on, as another object: nothing may be asked of the one that
 * was given any more, either way.
 */
export async function fallAsleep(
  parts: HostParts,
  given: {
    readonly pod: Pod;
    readonly run: Run;
    readonly files: PodFiles;
    readonly logs: LogBook;
    readonly why: string;
  },
): Promise<{ readonly sleeper: Sleeper } | { readonly run: Run; readonly error: unknown }> {
  const { pod, run, files, logs, why } = given;
  const { vm, record } = run;
  await run.leave();
  const since = new Date(parts.clock.now()).toISOString();
  const asleep = { ...record, asleep: { since, why, spec: vm.spec } };
  try {
    await vm.sleep(files.asleep, { asleep: () => writeRecordDurably(files.record, asleep) });
    return { sleeper: sleeperOf(asleep) };
  } catch (error) {
    parts.logger.warn({ pod: pod.meta.name, error: messageOf(error) }, 'a pod did not fall asleep');
    writeRecord(files.record, record);
    const info = await vm.guest.info().catch(() => ({ pod: true, containers: [] }));
    const goesOn = adoptRun(parts, { pod, vm, record, info }, logs);
    goesOn.ledger = run.ledger;
    return { run: goesOn, error };
  }
}

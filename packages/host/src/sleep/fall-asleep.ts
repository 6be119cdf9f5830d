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
  const { uid } = pod.meta;
  const since = new Date(parts.clock.now()).toISOString();
  const asleep = { ...record, asleep: { since, why, spec: vm.spec } };
  try {
    // First, so that nothing gets lost that is sent to a VM which stands still.
    if (record.attachment) await parts.network.park(uid);
    await vm.sleep(files.asleep, { asleep: () => writeRecordDurably(files.record, asleep) });
    return { sleeper: sleeperOf(asleep, { parked: true }) };
  } catch (error) {
    parts.logger.warn({ pod: pod.meta.name, error: messageOf(error) }, 'a pod did not fall asleep');
    writeRecord(files.record, record);
    if (record.attachment) await unpark(parts, uid);
    const info = await vm.guest.info().catch(() => ({ pod: true, containers: [] }));
    const goesOn = adoptRun(parts, { pod, vm, record, info }, logs);
    goesOn.ledger = run.ledger;
    return { run: goesOn, error };
  }
}

/** One whose VM has ended meanwhile is taken off the network as any other. */
async function unpark({ network, logger }: HostParts, uid: string): Promise<void> {
  try {
    await network.unpark(uid);
  } catch (error) {
    logger.warn({ pod: uid, error: messageOf(error) }, 'a pod that did not fall asleep can not be reached');
  }
}

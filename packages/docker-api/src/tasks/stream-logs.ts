import { codeOf } from '@kraud/base';
import type { Cloud, OutputEntry, OutputQuery } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { goesOn, outputQueryOf, presentRun } from '../containers/logs.ts';
import { type Param, yes } from '../operation.ts';
import { swarmId } from '../swarm/ids.ts';
import { nsToIso } from '../times.ts';
import { send } from '../wire/flow.ts';
import { frame } from '../wire/frames.ts';
import { outputType } from '../wire/output-type.ts';
import { Merge } from './merge.ts';
import { type TaskView, tasksOf } from './view.ts';

export const logParams: Readonly<Record<string, Param>> = {
  follow: yes('flag', 'tasks that come later are followed as well'),
  stdout: yes('flag'),
  stderr: yes('flag'),
  since: yes('text'),
  timestamps: yes('flag'),
  tail: yes('text', '`all` or a number, of each task'),
  details: yes('flag', 'node, service and task of each line'),
};

/** How often a reader that follows looks for tasks that have come. */
const lookIntervalMs = 500;

interface Line {
  readonly task: TaskView;
  readonly entry: OutputEntry;
}

/**
 * The output of all tasks that are `wanted`, as one stream. Every entry is a frame of its own, with what stands before
 * it: clients take it apart frame by frame.
 */
export async function logsOf(
  cloud: Cloud,
  call: Call,
  tty: boolean,
  wanted: (task: TaskView) => boolean,
): Promise<void> {
  const { query, signal } = call;
  const asked = outputQueryOf(call);
  const follow = query.flag('follow');
  const shown = { timestamps: query.flag('timestamps'), details: query.flag('details') };
  const lines = new Merge<Line>();
  const seen = new Set<string>();
  const look = async (): Promise<void> => {
    for (const task of (await tasksOf(cloud, call.caller)).filter(wanted)) {
      if (seen.has(task.id) || task.pod.spec.host === undefined) continue;
      seen.add(task.id);
      lines.add(outputOf(cloud, call, task, asked, follow));
    }
  };
  await look();
  if (follow) void watch(call, look, lines);
  else lines.seal();
  const res = call.open(outputType(call.minor, tty));
  for await (const { task, entry } of lines) {
    const data = Buffer.concat([Buffer.from(prefixOf(task, entry, shown)), entry.data]);
    const wait = send(res, tty ? data : frame({ stream: entry.stream, data }));
    if (wait) await wait;
    if (signal.aborted) return;
  }
  res.end();
}

/** Looks for new tasks until the client goes, or what it follows is no more. */
async function watch(call: Call, look: () => Promise<void>, lines: Merge<Line>): Promise<void> {
  try {
    for (;;) {
      await call.serving.clock.sleep(lookIntervalMs, call.signal);
      await look();
    }
  } catch {
    lines.seal();
  }
}

async function* outputOf(
  cloud: Cloud,
  call: Call,
  task: TaskView,
  asked: Omit<OutputQuery, 'follow' | 'chunks'>,
  follow: boolean,
): AsyncGenerator<Line, void, void> {
  const { pod } = task;
  if (pod.spec.containers[0]?.log.driver === 'none') return;
  const goes = follow && (goesOn(pod) || pod.status.phase === 'created');
  const output = { ...asked, ...(goes ? presentRun(pod) : { follow: 'no' as const }) };
  try {
    for await (const entry of await cloud.pods.output(call.caller, pod.meta.uid, output, call.signal)) {
      yield { task, entry };
    }
  } catch (error) {
    // Its pod went while it was read, or its host can't be reached: the others are shown.
    const code = codeOf(error);
    if (code !== 'not-found' && code !== 'unavailable' && code !== 'canceled') throw error;
  }
}

function prefixOf(
  task: TaskView,
  entry: OutputEntry,
  shown: { timestamps: boolean; details: boolean },
): string {
  const time = shown.timestamps ? `${nsToIso(entry.timeNs)} ` : '';
  if (!shown.details) return time;
  const details = {
    'com.docker.swarm.node.id': task.host ? swarmId(task.host) : '',
    'com.docker.swarm.service.id': swarmId(task.workload),
    'com.docker.swarm.task.id': task.id,
  };
  const pairs = Object.entries(details).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `${time}${pairs.join(',')} `;
}

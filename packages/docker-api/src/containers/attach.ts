import { KraudError } from '@kraud/base';
import type { Cloud, Pod } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { recordPodEvent } from '../record.ts';
import type { Client } from '../wire/client.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';
import { outputType } from '../wire/output-type.ts';
import { runSession } from '../wire/session.ts';
import { presentRun } from './logs.ts';
import { mainOf } from './show/given.ts';
import { untilExitTold } from './told-exit.ts';

/** As both forms of attach take them. */
export const attachParams = {
  stream: yes('flag'),
  logs: yes('flag'),
  stdin: yes('flag'),
  stdout: yes('flag'),
  stderr: yes('flag'),
  detachKeys: yes('text', 'with a tty'),
} as const;

export const attachContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/attach',
  note: 'both forms: 101 with Upgrade, and 200 without',
  hijacks: true,
  params: attachParams,
  run: (cloud, call) =>
    serveAttach(cloud, call, {
      streams: streamsOf(call),
      framed: true,
      begin: (tty) => call.hijack(outputType(call.minor, tty)),
    }),
};

/** The streams that a client asks for. */
export function streamsOf({ query }: Call): AttachStreams {
  return { stdin: query.flag('stdin'), stdout: query.flag('stdout'), stderr: query.flag('stderr') };
}

export interface AttachStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** Everything that can be refused is, before `begin` takes the connection over. */
export async function serveAttach(
  cloud: Cloud,
  call: Call,
  how: {
    readonly streams: AttachStreams;
    /** Without a tty each piece of output says which stream it is of. */
    readonly framed: boolean;
    readonly begin: (tty: boolean) => Promise<Client>;
  },
): Promise<void> {
  const { query, caller } = call;
  const pod = await cloud.pods.get(caller, call.param('id'));
  const { spec } = mainOf(pod);
  refusePaused(pod);
  const keys = parseDetachKeys(query.text('detachKeys'));
  const over = new AbortController();
  const whole = await outputOf(cloud, call, pod, how.streams, over.signal);
  const output = query.flag('stream') ? untilExitTold(cloud, call, pod, whole, over.signal) : whole;
  const wantsStdin = how.streams.stdin && query.flag('stream') && spec.stdin;
  const stdin = wantsStdin ? await cloud.pods.stdin(caller, pod.meta.uid) : undefined;
  try {
    const client = await how.begin(spec.tty);
    client.gone.addEventListener('abort', () => over.abort(), { once: true });
    recordPodEvent(cloud, call, 'attach', pod);
    const ended = await runSession({
      client,
      output,
      multiplexed: how.framed && !spec.tty,
      stdin,
      atEof: spec.stdinOnce ? 'end' : 'leave',
      detachKeys: spec.tty ? keys : undefined,
    });
    if (ended === 'detached') recordPodEvent(cloud, call, 'detach', pod);
  } finally {
    over.abort();
    stdin?.destroy();
  }
}

async function outputOf(
  cloud: Cloud,
  { query, caller }: Call,
  pod: Pod,
  { stdout, stderr }: AttachStreams,
  signal: AbortSignal,
): ReturnType<Cloud['pods']['output']> {
  return await cloud.pods.output(
    caller,
    pod.meta.uid,
    {
      stdout,
      stderr,
      from: query.flag('logs') ? 'start' : 'end',
      ...(query.flag('stream') ? presentRun(pod) : { follow: 'no' as const }),
      chunks: true,
    },
    signal,
  );
}

function refusePaused(pod: Pod): void {
  if (pod.status.phase !== 'paused') return;
  throw new KraudError(
    'conflict',
    `container ${pod.meta.uid} is paused, unpause the container before attach`,
  );
}

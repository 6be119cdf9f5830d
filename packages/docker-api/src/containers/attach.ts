import { KraudError } from '@kraud/base';
import type { Cloud, Pod } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { recordPodEvent } from '../record.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';
import { outputType } from '../wire/output-type.ts';
import { runSession } from '../wire/session.ts';
import { mainOf } from './show/given.ts';

export const attachContainer: Operation = {
  method: 'POST',
  path: '/containers/:id/attach',
  note: 'both forms: 101 with Upgrade, and 200 without',
  hijacks: true,
  params: {
    stream: yes('flag'),
    logs: yes('flag'),
    stdin: yes('flag'),
    stdout: yes('flag'),
    stderr: yes('flag'),
    detachKeys: yes('text', 'with a tty'),
  },
  async run(cloud, call) {
    const { query, caller } = call;
    const pod = await cloud.pods.get(caller, call.param('id'));
    const { spec } = mainOf(pod);
    refusePaused(pod);
    const keys = parseDetachKeys(query.text('detachKeys'));
    const over = new AbortController();
    const output = await outputOf(cloud, call, pod, over.signal);
    const wantsStdin = query.flag('stdin') && query.flag('stream') && spec.stdin;
    const stdin = wantsStdin ? await cloud.pods.stdin(caller, pod.meta.uid) : undefined;
    const hijack = await call.hijack(outputType(call.minor, spec.tty));
    hijack.gone.addEventListener('abort', () => over.abort(), { once: true });
    recordPodEvent(cloud, call, 'attach', pod);
    try {
      const how = await runSession({
        hijack,
        output,
        multiplexed: !spec.tty,
        stdin,
        atEof: spec.stdinOnce ? 'end' : 'leave',
        detachKeys: spec.tty ? keys : undefined,
      });
      if (how === 'detached') recordPodEvent(cloud, call, 'detach', pod);
    } finally {
      over.abort();
      stdin?.destroy();
    }
  },
};

async function outputOf(
  cloud: Cloud,
  call: Call,
  pod: Pod,
  signal: AbortSignal,
): ReturnType<Cloud['pods']['output']> {
  const { query } = call;
  return await cloud.pods.output(
    call.caller,
    pod.meta.uid,
    {
      stdout: query.flag('stdout'),
      stderr: query.flag('stderr'),
      from: query.flag('logs') ? 'start' : 'end',
      follow: query.flag('stream') ? 'run' : 'no',
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

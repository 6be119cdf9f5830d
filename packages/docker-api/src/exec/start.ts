import { must } from '@kraud/base';
import { ExecFailure, type ExecRecord, type ExecStreams } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';
import { recordPodEvent } from '../record.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';
import { frame, type Piece } from '../wire/frames.ts';
import type { Hijack } from '../wire/hijack.ts';
import { outputType } from '../wire/output-type.ts';
import { runSession } from '../wire/session.ts';
import type { ExecBody } from './create.ts';

export const startExec: Operation = {
  method: 'POST',
  path: '/exec/:id/start',
  note: 'both forms: 101 with Upgrade, and 200 without',
  hijacks: true,
  body: [
    row('yes', 'Detach', 'bool', true),
    row('yes', 'Tty', 'bool', true),
    row('yes', 'ConsoleSize', 'ints', [24, 80]),
  ],
  async run(cloud, call) {
    const { execs } = cloud;
    const { body } = await call.body();
    const {
      Detach: detach,
      Tty: tty,
      ConsoleSize: size,
    } = body as {
      Detach?: boolean;
      Tty?: boolean;
      ConsoleSize?: number[];
    };
    const id = call.param('id');
    const record = execs.get(call.caller, id);
    const options = {
      detach: detach ?? false,
      tty: tty ?? false,
      ...(size?.[0] && size[1] ? { size: { rows: size[0], cols: size[1] } } : {}),
    };
    if (detach) {
      await execs.start(call.caller, id, options);
      return call.empty(200);
    }
    // As with dockerd the reply has begun before the program runs: some clients lose output that comes along with it.
    const reply: { hijack?: Hijack } = {};
    const begins = async (): Promise<void> => {
      reply.hijack = await call.hijack(outputType(call.minor, options.tty));
    };
    let streams: ExecStreams;
    try {
      streams = await execs.start(call.caller, id, { ...options, begins });
    } catch (error) {
      if (!reply.hijack || !(error instanceof ExecFailure)) throw error;
      return await tellInStream(reply.hijack, options.tty, error);
    }
    const given = record.given as ExecBody;
    const hijack = must(reply.hijack, 'the reply has begun');
    try {
      const how = await runSession({
        client: hijack,
        output: wantedOutput(streams, record, given),
        // As with dockerd the request says whether there are frames, not the exec.
        multiplexed: !options.tty,
        stdin: record.spec.stdin ? streams.stdin : undefined,
        atEof: 'end',
        detachKeys: record.spec.tty ? parseDetachKeys(given.DetachKeys ?? '') : undefined,
      });
      if (how === 'detached') {
        const pod = await cloud.pods.get(call.caller, record.podUid);
        recordPodEvent(cloud, call, 'exec_detach', pod, { execID: record.id });
      }
    } finally {
      streams.detach();
    }
  },
};

/** As dockerd: the client gets its stream, and in it why there is nothing to see; `inspect` has the exit code. */
async function tellInStream(hijack: Hijack, tty: boolean, failure: ExecFailure): Promise<void> {
  const data = Buffer.from(`${failure.message}\r\n`);
  await hijack.send(tty ? data : frame({ stream: 'stdout', data }));
  hijack.end();
}

/** Output that the client didn't attach to is read and thrown away, so that the process isn't stopped by it. */
async function* wantedOutput(
  streams: ExecStreams,
  record: ExecRecord,
  given: ExecBody,
): AsyncGenerator<Piece, void, void> {
  const wanted = { stdout: given.AttachStdout ?? false, stderr: given.AttachStderr ?? false };
  const nothingSaid = !wanted.stdout && !wanted.stderr && !given.AttachStdin;
  for await (const piece of streams.output()) {
    if (wanted[piece.stream] || nothingSaid || (record.spec.tty && wanted.stdout)) yield piece;
  }
}

import type { ExecRecord, ExecStreams } from '@kraud/cloud';
import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';
import type { Piece } from '../wire/frames.ts';
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
  async run({ execs }, call) {
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
    const streams = await execs.start(call.caller, id, {
      detach: detach ?? false,
      tty: tty ?? false,
      ...(size?.[0] && size[1] ? { size: { rows: size[0], cols: size[1] } } : {}),
    });
    if (detach) return call.empty(200);
    const given = record.given as ExecBody;
    let hijack: Awaited<ReturnType<typeof call.hijack>>;
    try {
      hijack = await call.hijack(outputType(call.minor, record.spec.tty));
    } catch (error) {
      streams.detach();
      throw error;
    }
    try {
      await runSession({
        hijack,
        output: wantedOutput(streams, record, given),
        multiplexed: !record.spec.tty,
        stdin: record.spec.stdin ? streams.stdin : undefined,
        atEof: 'end',
        detachKeys: record.spec.tty ? parseDetachKeys(given.DetachKeys ?? '') : undefined,
      });
    } finally {
      streams.detach();
    }
  },
};

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

import { KraudError } from '@kraud/base';
import { row } from '../body/rows.ts';
import type { Operation } from '../operation.ts';
import { parseDetachKeys } from '../wire/detach-keys.ts';

/** The body as it was checked; kept with the exec, for `start` and `inspect`. */
export interface ExecBody {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Tty?: boolean;
  DetachKeys?: string;
  Env?: string[];
  Cmd?: string[];
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
  ConsoleSize?: number[];
}

export const createExec: Operation = {
  method: 'POST',
  path: '/containers/:id/exec',
  body: [
    row('yes', 'AttachStdin', 'bool', true),
    row('yes', 'AttachStdout', 'bool', true, { kept: true }),
    row('yes', 'AttachStderr', 'bool', true, { kept: true }),
    row('yes', 'Tty', 'bool', true),
    row('yes', 'DetachKeys', 'string', 'ctrl-x', { kept: true, note: 'with a tty' }),
    row('yes', 'Env', 'strings', ['A=1']),
    row('yes', 'Cmd', 'strings', ['true']),
    row('yes', 'Privileged', 'bool', true),
    row('yes', 'User', 'string', '1000'),
    row('yes', 'WorkingDir', 'string', '/tmp'),
    row('yes', 'ConsoleSize', 'ints', [24, 80]),
    row('partly', 'Detach', 'bool', true, { kept: true, note: '`start` says it' }),
    row('partly', 'Container', 'string', 'x', { kept: true, note: 'the path says it' }),
  ],
  async run({ execs }, call) {
    const { body: checked } = await call.body('refuse');
    const body = checked as ExecBody;
    if (!body.Cmd || body.Cmd.length === 0) throw new KraudError('invalid', 'No exec command specified');
    parseDetachKeys(body.DetachKeys ?? '');
    const [rows, cols] = body.ConsoleSize ?? [];
    const record = await execs.create(
      call.caller,
      call.param('id'),
      {
        args: body.Cmd,
        env: body.Env ?? [],
        cwd: body.WorkingDir ?? '',
        user: body.User ?? '',
        tty: body.Tty ?? false,
        stdin: body.AttachStdin ?? false,
        privileged: body.Privileged ?? false,
        ...(rows && cols ? { size: { rows, cols } } : {}),
      },
      body,
    );
    call.json(201, { Id: record.id });
  },
};

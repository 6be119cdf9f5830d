import type { Operation } from '../operation.ts';
import type { ExecBody } from './create.ts';

export const inspectExec: Operation = {
  method: 'GET',
  path: '/exec/:id/json',
  run({ execs }, call) {
    const record = execs.get(call.caller, call.param('id'));
    const given = record.given as ExecBody;
    const { spec } = record;
    call.json(200, {
      ID: record.id,
      Running: record.state === 'running',
      ExitCode: record.exitCode,
      ProcessConfig: {
        tty: spec.tty,
        entrypoint: spec.args[0] ?? '',
        arguments: spec.args.slice(1),
        privileged: spec.privileged,
        ...(spec.user ? { user: spec.user } : {}),
      },
      OpenStdin: spec.stdin,
      OpenStderr: given.AttachStderr ?? false,
      OpenStdout: given.AttachStdout ?? false,
      CanRemove: false,
      ContainerID: record.podUid,
      DetachKeys: given.DetachKeys ?? '',
      Pid: record.pid,
    });
    return Promise.resolve();
  },
};

import { codeOf, KraudError, messageOf } from '@kraud/base';

const cannotBeRun = 126;
const notFound = 127;

/** An exec whose program did not come to run: the exit code that it counts as, and the words for the user. */
export class ExecFailure extends KraudError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause: unknown) {
    super('invalid', message, { cause });
    this.exitCode = exitCode;
  }
}

/**
 * The guest's refusal in the words of dockerd and runc, and dockerd's exit code for it.
 *
 * | the guest says                                | exit |
 * | --------------------------------------------- | ---- |
 * | exec: "x": executable file not found in $PATH | 127  |
 * | exec: "/x": stat /x: no such file or directory | 127 |
 * | chdir to cwd /x: no such file or directory    | 127  |
 * | exec: "/etc": permission denied               | 126  |
 * | unable to find user x: no matching entries …  | 126  |
 */
export function execFailure(error: unknown): ExecFailure {
  const text = messageOf(error);
  const code = codeOf(error);
  if (code === 'unavailable' || code === 'internal' || code === 'canceled') {
    return new ExecFailure(cannotBeRun, text, error);
  }
  const exitCode = /executable file not found|no such file or directory/i.test(text) ? notFound : cannotBeRun;
  if (/^unable to find (user|group)/i.test(text)) return new ExecFailure(exitCode, text, error);
  const words = text.replace(/^chdir to cwd (.*): (.*)$/, (_, cwd: string, why: string) => {
    return `chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: ${why}`;
  });
  return new ExecFailure(
    exitCode,
    `OCI runtime exec failed: exec failed: unable to start container process: ${words}: unknown`,
    error,
  );
}

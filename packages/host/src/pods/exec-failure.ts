import { codeOf, KraudError, messageOf } from '@kraud/base';

/** A program that could not be run, with the exit code that Docker gives to it. */
export class ExecFailure extends KraudError {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, cause: unknown) {
    super('invalid', message, { cause });
    this.exitCode = exitCode;
  }
}

/**
 * The guest's refusal to run a program, in the words by which the docker CLI chooses its own exit code.
 *
 * | the kernel says           | program | message                                                | exit |
 * | ------------------------- | ------- | ------------------------------------------------------ | ---- |
 * | No such file or directory | nope    | exec: "nope": executable file not found in $PATH       | 127  |
 * | No such file or directory | /nope   | exec: "/nope": stat /nope: no such file or directory   | 127  |
 * | Permission denied         | /etc    | exec: "/etc": permission denied                        | 126  |
 * | Exec format error         | /x      | exec: "/x": exec format error                          | 126  |
 */
export function execFailure(program: string, error: unknown): unknown {
  if (codeOf(error) === 'unavailable' || codeOf(error) === 'internal') return error;
  const text = messageOf(error);
  const quoted = `exec: ${JSON.stringify(program)}`;
  const failed = (exitCode: number, words: string): ExecFailure =>
    new ExecFailure(
      exitCode,
      `failed to create task for container: OCI runtime create failed: unable to start container process: ${quoted}: ${words}: unknown`,
      error,
    );
  if (/no such file|not found in \$PATH/i.test(text)) {
    return program.includes('/')
      ? failed(127, `stat ${program}: no such file or directory`)
      : failed(127, 'executable file not found in $PATH');
  }
  const denied = /permission denied|is a directory|exec format error|not a directory/i.exec(text);
  if (denied) return failed(126, denied[0].toLowerCase());
  return new ExecFailure(128, text, error);
}

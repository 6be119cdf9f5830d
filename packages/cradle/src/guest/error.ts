import { type ErrorCode, KraudError } from '@kraud/base';

/** It ends up in statuses and logs. */
const messageCharsMax = 4096;

const codes: readonly string[] = [
  'invalid',
  'unsupported',
  'unauthenticated',
  'forbidden',
  'not-found',
  'exists',
  'conflict',
  'unchanged',
  'exhausted',
  'unavailable',
  'timeout',
  'canceled',
  'corrupt',
  'internal',
] satisfies ErrorCode[];

function isCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && codes.includes(value);
}

/** A fault that the guest agent reported, with the kernel's name for it where there is one (`ENOENT`). */
export class GuestError extends KraudError {
  readonly errno: string | undefined;

  constructor(code: ErrorCode, message: string, errno?: string) {
    super(code, message);
    this.errno = errno;
  }
}

/** From the body of an error answer; what is no such body is the agent's bug. */
export function guestError(status: number, body: string): GuestError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'code' in parsed && 'message' in parsed) {
      const errno =
        'errno' in parsed && typeof parsed.errno === 'string' && parsed.errno.length < 32
          ? parsed.errno
          : undefined;
      return new GuestError(
        isCode(parsed.code) ? parsed.code : 'internal',
        String(parsed.message).slice(0, messageCharsMax),
        errno,
      );
    }
  } catch {
    // Falls through to the error below, which shows what came instead.
  }
  return new GuestError('internal', `the guest agent answered ${status}: ${body.slice(0, 200)}`);
}

export function connectionLost(cause?: unknown): KraudError {
  return new KraudError('unavailable', 'the connection to the guest agent was lost', { cause });
}

/**
 * The closed vocabulary of expected faults. Every part throws these; each facade owns one table that
 * translates them to its own words at the edge.
 *
 * | code            | meaning                                                          |
 * | --------------- | ---------------------------------------------------------------- |
 * | invalid         | the request itself is wrong, and always will be                  |
 * | unsupported     | a valid request for something that Kraud does not do             |
 * | unauthenticated | who asks is not known                                            |
 * | forbidden       | who asks may not                                                 |
 * | not-found       | no such object (also the answer for another tenant's objects)    |
 * | exists          | the name is taken                                                |
 * | conflict        | the object's present state does not allow it                     |
 * | unchanged       | the object is already in the state asked for                     |
 * | exhausted       | a limit, quota or the disk is full                               |
 * | unavailable     | something needed is not there now; the same request may work later |
 * | timeout         | it took longer than allowed                                      |
 * | canceled        | the caller went away                                             |
 * | corrupt         | data does not match its digest or format                         |
 * | internal        | a bug, or a fault that we did not expect                         |
 */
export type ErrorCode =
  | 'invalid'
  | 'unsupported'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'exists'
  | 'conflict'
  | 'unchanged'
  | 'exhausted'
  | 'unavailable'
  | 'timeout'
  | 'canceled'
  | 'corrupt'
  | 'internal';

/** An expected fault with a code from the closed vocabulary. `message` is fit to be shown to the user. */
export class KraudError extends Error {
  override readonly name = 'KraudError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The code of any thrown value; what is not a KraudError is `internal`. */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof KraudError) return error.code;
  if (error instanceof Error && error.name === 'AbortError') return 'canceled';
  return 'internal';
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Adds what was being tried to an error on its way up, keeping its code. */
export function withContext(error: unknown, context: string): KraudError {
  return new KraudError(codeOf(error), `${context}: ${messageOf(error)}`, { cause: error });
}

/** True for a system error with the given `code`, such as `ENOENT`. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

import { codeOf, type ErrorCode, messageOf } from '@kraud/base';

/** The one table from Kraud's faults to Docker's status codes. */
export const statusOf: Record<ErrorCode, number> = {
  invalid: 400,
  unsupported: 501,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  exists: 409,
  conflict: 409,
  unchanged: 304,
  exhausted: 500,
  unavailable: 503,
  timeout: 504,
  canceled: 499,
  corrupt: 400,
  internal: 500,
};

export interface Failure {
  status: number;
  message: string;
}

/** Status and message of anything thrown. An `HttpFault` brings its own status. */
export function failureOf(error: unknown): Failure {
  if (error instanceof HttpFault) return { status: error.status, message: error.message };
  return { status: statusOf[codeOf(error)], message: messageOf(error) };
}

/** A fault of the transport itself, for which Kraud's vocabulary has no word (405, 408, 413 …). */
export class HttpFault extends Error {
  override readonly name = 'HttpFault';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

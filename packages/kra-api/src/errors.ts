import type { ErrorCode } from '@kraud/base';

/** The status that goes with a fault; the body has its code. */
export const statusOf: Record<ErrorCode, number> = {
  invalid: 400,
  unsupported: 501,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  exists: 409,
  conflict: 409,
  unchanged: 409,
  exhausted: 429,
  unavailable: 503,
  timeout: 504,
  canceled: 499,
  corrupt: 422,
  internal: 500,
};

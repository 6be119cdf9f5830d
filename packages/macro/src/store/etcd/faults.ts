import { type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorCode, KraudError } from '@kraud/base';

/** Words of etcd that say more than the status code beside them; matched from the start of its message. */
const known: readonly [words: string, code: ErrorCode][] = [
  ['etcdserver: mvcc: required revision is a future revision', 'invalid'],
  ['etcdserver: request is too large', 'invalid'],
  ['etcdserver: requested lease not found', 'not-found'],
  ['etcdserver: mvcc: database space exceeded', 'exhausted'],
];

const codes: Partial<Record<status, ErrorCode>> = {
  [status.DEADLINE_EXCEEDED]: 'timeout',
  [status.INVALID_ARGUMENT]: 'invalid',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'forbidden',
};

/**
 * An error of a call in our words. Whatever doesn't clearly say that nothing was done is `unavailable` or `timeout`:
 * the outcome is unknown.
 */
export function toFault(error: unknown): KraudError {
  if (error instanceof KraudError) return error;
  if (!isServiceError(error)) return new KraudError('unavailable', `etcd: ${error}`, { cause: error });
  const words = known.find(([start]) => error.details.startsWith(start));
  const code = words?.[1] ?? codes[error.code] ?? 'unavailable';
  return new KraudError(code, `etcd: ${error.details.replace(/^etcdserver: /, '')}`, { cause: error });
}

const membersFaults: readonly status[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.UNKNOWN,
  status.INTERNAL,
];

/** The member that was asked can't serve now; another may. */
export function isMembersFault(error: unknown): boolean {
  if (error instanceof KraudError) return error.code === 'unavailable' || error.code === 'timeout';
  return isServiceError(error) && membersFaults.includes(error.code);
}

/** Said before a request is looked at: nothing was done, and nothing will be. */
export function isNoLeader(error: unknown): boolean {
  return isServiceError(error) && error.details === 'etcdserver: no leader';
}

export function isCompacted(error: unknown): boolean {
  return hasWords(error, 'etcdserver: mvcc: required revision has been compacted');
}

export function isLeaseTaken(error: unknown): boolean {
  return hasWords(error, 'etcdserver: lease already exists');
}

/** An answer was larger than this side accepts. */
export function isTooLargeToReceive(error: unknown): boolean {
  return hasWords(error, 'Received message larger than max');
}

function hasWords(error: unknown, words: string): boolean {
  const service = error instanceof KraudError ? error.cause : error;
  return isServiceError(service) && service.details.startsWith(words);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && typeof error.details === 'string';
}

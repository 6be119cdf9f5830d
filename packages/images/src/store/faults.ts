import { isErrno, KraudError, messageOf } from '@kraud/base';

/** A system error on our own disk, by its name; other errors pass as they are. */
export function diskFault(error: unknown, doing: string): unknown {
  if (error instanceof KraudError) return error;
  if (isErrno(error, 'ENOSPC', 'EDQUOT'))
    return new KraudError('exhausted', `no space left on device while ${doing}`, { cause: error });
  if (isErrno(error, 'EROFS', 'EIO', 'EMFILE', 'ENFILE'))
    return new KraudError('unavailable', `disk error while ${doing}: ${messageOf(error)}`, { cause: error });
  return error;
}

import { KraudError } from '@kraud/base';
import type { Operation } from '../operation.ts';

const note = 'managers are not locked: the store keeps its own keys';

function refused(method: Operation['method'], path: string): Operation {
  return {
    method,
    path,
    support: 'refused',
    note,
    run() {
      return Promise.reject(new KraudError('unsupported', `${method} ${path} is not supported: ${note}`));
    },
  };
}

export const getUnlockKey = refused('GET', '/swarm/unlockkey');
export const unlockSwarm = refused('POST', '/swarm/unlock');

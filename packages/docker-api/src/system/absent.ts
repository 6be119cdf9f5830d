import { KraudError } from '@kraud/base';
import type { Operation } from '../operation.ts';

function absent(method: Operation['method'], path: string, note: string): Operation {
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

/** Operations of the API that are refused by name. */
export const absentOperations: readonly Operation[] = [
  absent('GET', '/containers/:id/checkpoints', 'checkpoints'),
  absent('POST', '/containers/:id/checkpoints', 'checkpoints'),
  absent('DELETE', '/containers/:id/checkpoints/:checkpoint', 'checkpoints'),
  absent('GET', '/images/search', 'searching a registry'),
  absent('POST', '/build', 'building images'),
  absent('POST', '/build/cancel', 'building images'),
  absent('POST', '/session', 'building images'),
  absent('POST', '/grpc', 'building images'),
  absent('GET', '/plugins/privileges', 'plugins'),
  absent('POST', '/plugins/pull', 'plugins'),
  absent('POST', '/plugins/create', 'plugins'),
  absent('GET', '/plugins/:name/json', 'plugins'),
  absent('DELETE', '/plugins/:name', 'plugins'),
  absent('POST', '/plugins/:name/enable', 'plugins'),
  absent('POST', '/plugins/:name/disable', 'plugins'),
  absent('POST', '/plugins/:name/upgrade', 'plugins'),
  absent('POST', '/plugins/:name/push', 'plugins'),
  absent('POST', '/plugins/:name/set', 'plugins'),
];
